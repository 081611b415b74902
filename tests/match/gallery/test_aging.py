"""A clock that jumps deletes nobody; one that goes steadily deletes who is too old."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from reid_tracker.match.gallery.aging import Aging
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.match.gallery.samples import identities, sighting

DAY_S = 86_400.0


class Clocks:
    """A wall clock that can be set, and a monotonic one."""

    def __init__(self) -> None:
        self.now_s, self.steady_s = 1_700_000_000.0, 50.0

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.steady_s += seconds


def test_four_days_ahead_for_a_minute_purge_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clocks = Clocks()
    with EmbeddedStore(tmp_path / "gallery.sqlite", clock=lambda: clocks.now_s) as store:
        store.write([sighting("a", 1)])
        aging = Aging(3 * DAY_S, lambda: clocks.now_s, lambda: clocks.steady_s)
        for minute in range(40):
            clocks.now_s += {5: 4 * DAY_S, 7: -4 * DAY_S}.get(minute, 0.0)
            clocks.wait(60)
            store.purge(aging.limit_s())
            assert identities(store) == {"a": 1}
        assert sum("nothing is deleted by age" in message for message in caplog.messages) == 1
        clocks.wait(3 * DAY_S)
        store.purge(aging.limit_s())
        assert identities(store) == {}


def test_a_gallery_that_was_last_written_days_ago_leaves_the_clock_in_doubt(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clocks = Clocks()
    ages = (lambda: clocks.now_s), (lambda: clocks.steady_s)
    for newest_s in (None, clocks.now_s - DAY_S, clocks.now_s + DAY_S):
        assert Aging(10.0, *ages, newest_s=newest_s).limit_s() == clocks.now_s - 10
    aging = Aging(10.0, *ages, newest_s=clocks.now_s - 4 * DAY_S)
    assert aging.limit_s() == -math.inf
    assert "last written 4.0 days ago" in caplog.text
    assert aging.limit_s([clocks.now_s + 5]) == clocks.now_s - 10  # a broker agrees
    assert aging.limit_s() == -math.inf
    clocks.wait(3600)
    assert aging.limit_s() == clocks.now_s - 10


def test_a_clock_that_was_put_right_is_trusted_again_after_an_hour() -> None:
    clocks = Clocks()
    aging = Aging(100.0, lambda: clocks.now_s, lambda: clocks.steady_s)
    assert aging.limit_s() == clocks.now_s - 100
    clocks.now_s += 5000
    for _ in range(60):
        assert aging.limit_s() == -math.inf
        clocks.wait(60)
    assert aging.limit_s() == clocks.now_s - 100
