"""Capture times: the camera's clock where it makes sense, and never a step back."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.video.live_clock import LiveClock

START = 1_800_000_000.0


def assert_at(times: list[float], after_start_s: np.ndarray, within_s: float = 1e-5) -> None:
    """Compare without a relative tolerance, which would be minutes."""
    np.testing.assert_allclose(np.array(times) - START, after_start_s, rtol=0, atol=within_s)


def test_rtcp_is_taken_once_it_is_known() -> None:
    clock = LiveClock()
    times = [
        clock.time_s(n / 10, START - 0.1 if n >= 20 else None, START + n / 10) for n in range(40)
    ]
    assert clock.source == "rtcp"
    assert clock.offset_s == pytest.approx(0.1)
    assert_at(times[:20], np.arange(20) / 10)
    assert_at(times[25:], -0.1 + np.arange(25, 40) / 10)
    assert all(later > earlier for earlier, later in pairwise(times))
    assert clock.jumps == 0


def test_pictures_that_were_held_up_keep_their_times() -> None:
    clock = LiveClock()
    arrivals = [n / 10 if n < 30 or n >= 60 else 6.0 for n in range(90)]
    times = [clock.time_s(n / 10, None, START + arrivals[n]) for n in range(90)]
    assert_at(times, np.arange(90) / 10, within_s=0.01)
    assert clock.jumps == 0


@pytest.mark.parametrize("length", [4, 30])
def test_timestamps_that_restart_again_and_again_do_not_fall_behind(length: int) -> None:
    clock = LiveClock()
    times = [clock.time_s(n % length / 10, None, START + n / 10) for n in range(200)]
    assert_at(times, np.arange(200) / 10, within_s=0.11)
    assert all(later > earlier for earlier, later in pairwise(times))


def test_a_timestamp_that_is_a_little_early_moves_no_other() -> None:
    clock = LiveClock()
    stamps = [n / 10 - 0.15 * (n == 20) for n in range(60)]
    times = [clock.time_s(stamps[n], None, START + n / 10 + 0.01 * (n % 3)) for n in range(60)]
    assert_at(times[25:], np.arange(25, 60) / 10, within_s=0.03)


def test_pictures_that_wait_at_the_first_contact_are_no_jump() -> None:
    clock = LiveClock()
    times = [clock.time_s(n / 10, None, START + max(2.0, n / 10)) for n in range(60)]
    assert clock.jumps == 0
    assert times[-1] == pytest.approx(START + 5.9, abs=0.01)
    assert all(later > earlier for earlier, later in pairwise(times))


@pytest.mark.parametrize("offset_s", [-3600.0, 3600.0, -5.0, -START])
def test_a_wrong_clock_is_not_taken(offset_s: float) -> None:
    clock = LiveClock()
    times = [clock.time_s(n / 10, START - offset_s, START + n / 10) for n in range(20)]
    assert clock.source == "arrival"
    assert clock.offset_s == pytest.approx(offset_s)
    assert_at(times, np.arange(20) / 10)


def test_a_clock_that_was_set_back_between_two_connections() -> None:
    clock = LiveClock()
    first = [clock.time_s(n / 10, START, START + n / 10 + 0.1) for n in range(20)]
    clock.connected()
    again = [clock.time_s(n / 10, START - 5, START + 2 + n / 10) for n in range(20)]
    assert clock.jumps == 1
    times = first + again
    assert all(later > earlier for earlier, later in pairwise(times))
    assert times[-1] == pytest.approx(START + 3.9, abs=0.2)


@pytest.mark.parametrize("jump_s", [-5000, -2, 3, 5000])
def test_timestamps_that_jump(jump_s: float) -> None:
    clock = LiveClock()
    times = [
        clock.time_s(n / 10 + (jump_s if n >= 20 else 0), START, START + n / 10) for n in range(40)
    ]
    assert clock.jumps == 1
    assert_at(times, np.arange(40) / 10, within_s=0.02)


def test_a_slow_quartz_does_not_add_up() -> None:
    clock = LiveClock()
    hours = 10 * 3600
    times = [clock.time_s(n * 0.9999, None, START + n) for n in range(hours)]
    assert abs(times[-1] - (START + hours - 1)) < 0.1


@given(
    st.lists(
        st.tuples(
            st.none() | st.floats(-1e6, 1e6),
            st.none() | st.floats(0, 4e9),
            st.floats(0, 10),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_times_always_increase(steps: list[tuple[float | None, float | None, float, bool]]) -> None:
    clock = LiveClock()
    arrival_s, last_s = START, 0.0
    for pts_s, start_s, passed_s, reconnected in steps:
        if reconnected:
            clock.connected()
        arrival_s += passed_s
        time_s = clock.time_s(pts_s, start_s, arrival_s)
        assert time_s > last_s
        last_s = time_s
