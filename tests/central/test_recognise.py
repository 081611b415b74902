"""Time for gallery searches: a quarter of the time, saved up to a limit, shared by sites."""

from __future__ import annotations

from reid_tracker.central.recognise import AskingTime
from tests.conftest import Clock


def ask(asking: AskingTime, clock: Clock, seconds: float) -> bool:
    if not asking.is_left():
        return False
    with asking.spent():
        clock.now_s += seconds
    return True


def test_slow_searches_get_a_quarter_of_the_time() -> None:
    clock = Clock(100.0)
    asking, asked_s = AskingTime(clock), 0.0
    for _ in range(10_000):
        asked_s += 1.0 * ask(asking, clock, 1.0)
        clock.now_s += 0.1
    passed_s = clock.now_s - 100
    assert abs(asked_s - 0.25 * passed_s) < 5  # and the time saved at the start
    assert asking.unasked > 1000


def test_quick_searches_are_all_done() -> None:
    clock = Clock(100.0)
    asking = AskingTime(clock)
    for _ in range(1000):
        clock.now_s += 0.1
        assert ask(asking, clock, 0.02)
    assert asking.unasked == 0


def test_saved_time_has_a_limit() -> None:
    clock = Clock(100.0)
    asking = AskingTime(clock)
    clock.now_s += 1e6
    count = sum(ask(asking, clock, 1.0) for _ in range(100))
    assert 3 <= count <= 5
