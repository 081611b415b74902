"""Times of frames: true where the container has them, always increasing."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.video.clock import LOOK_AHEAD, PresentationClock

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


def looking_ahead(pts: list[int | None], rate: int = 10) -> list[float]:
    clock = PresentationClock(Fraction(rate))
    return [
        clock.time_s(index, value, MS, lambda at=index: pts[at + 1 : at + 1 + LOOK_AHEAD])  # type: ignore[misc]
        for index, value in enumerate(pts)
    ]


@pytest.mark.parametrize("wrong", [[10**12], [-(10**9)], [95_443_717], [10**12, 10**12 + 100], [7]])
def test_a_wrong_timestamp_shifts_no_later_time(wrong: list[int]) -> None:
    count = len(wrong)
    pts: list[int | None] = [1000 + 100 * number for number in range(20)]
    pts[8 : 8 + count] = wrong
    expected = [number / 10 for number in range(20)]
    assert looking_ahead(pts) == pytest.approx(expected)


def test_a_pause_stays_and_a_restart_goes_on_at_the_rate() -> None:
    pts: list[int | None] = [0, 100, 200, 30_000_000, 30_000_100, 30_000_200]
    assert looking_ahead(pts) == pytest.approx([0, 0.1, 0.2, 30_000, 30_000.1, 30_000.2])
    joined: list[int | None] = [*range(0, 900, 100), *range(0, 900, 100)]  # short of a second
    assert looking_ahead(joined) == pytest.approx([number / 10 for number in range(18)])
    slow: list[int | None] = [0, 100, 1200, 2300, 3400]  # each a jump of its own
    assert looking_ahead(slow) == pytest.approx([0, 0.1, 1.2, 2.3, 3.4])


@given(st.lists(st.none() | st.integers(-(10**7), 10**7), max_size=50))
def test_time_always_increases_when_looking_ahead(pts: list[int | None]) -> None:
    result = looking_ahead(pts)
    assert all(earlier < later for earlier, later in pairwise(result))
