"""Times of frames: true where the container has them, always increasing."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.video.clock import PresentationClock

MS = Fraction(1, 1000)


def times(pts: list[int | None], rate: int = 10) -> list[float]:
    clock = PresentationClock(Fraction(rate))
    return [clock.time_s(index, value, MS) for index, value in enumerate(pts)]


@pytest.mark.parametrize(
    ("pts", "expected"),
    [
        ([5000, 5100, 5250], [0, 0.1, 0.25]),
        ([None, None, None], [0, 0.1, 0.2]),
        ([0, None, None, 400], [0, 0.1, 0.2, 0.4]),
        ([None, 700, 800], [0, 0.1, 0.2]),
        ([0, 100, 100, 200], [0, 0.1, 0.15, 0.2]),
        ([0, 100, 50, 300], [0, 0.1, 0.15, 0.3]),
        ([90000, 90100, 0, 100], [0, 0.1, 0.2, 0.3]),
        ([-200, -100, 0], [0, 0.1, 0.2]),
    ],
)
def test_times(pts: list[int | None], expected: list[float]) -> None:
    assert times(pts) == pytest.approx(expected)


def test_numbers_left_out_take_their_time() -> None:
    clock = PresentationClock(Fraction(10))
    assert [clock.time_s(index, None, None) for index in (3, 4, 7)] == pytest.approx([0, 0.1, 0.4])


@given(st.lists(st.none() | st.integers(-(10**7), 10**7), max_size=50))
def test_time_always_increases(pts: list[int | None]) -> None:
    result = times(pts)
    assert all(earlier < later for earlier, later in pairwise(result))
    assert result[:1] in ([], [0.0])
