"""Messages of hosts whose clocks are ahead are kept, with corrected times."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reid_tracker.central.clocks import SiteClocks
from reid_tracker.transport import Received, TrackletMessage, parse_subject
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.messages import moved_back
from tests.transport.samples import NOW_S, tracklet


class Clocks:
    """A site whose centre has a clock that may be wrong."""

    def __init__(self, own_error_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.counts: Counter[str] = Counter()
        self.clocks = SiteClocks(
            "hall",
            2.0,
            self.counts,
            lambda: NOW_S + self.now_s + own_error_s,
            lambda: self.now_s,
        )
        self.receiver = Receiver(MemoryBroker().subscribe("reid.v1.*.*.*.tracklet", "c"))

    def hear(
        self, edge: str, ahead_s: float, stored_ahead_s: float | None = None, **changes: Any
    ) -> float:
        """Return how far the corrected time of a message is ahead of the true one."""
        true_s = NOW_S + self.now_s
        message = tracklet(edge=edge, **changes)
        message = moved_back(message, message.end_s - true_s - ahead_s)
        stored_s = None if stored_ahead_s is None else true_s + stored_ahead_s
        subject = parse_subject(f"reid.v1.hall.{edge}.door.tracklet")
        received = Received(self.receiver, message, subject, stored_s)
        self.clocks.correct(received)
        assert isinstance(received.message, TrackletMessage)
        return received.message.end_s - true_s


@pytest.mark.parametrize("ahead_s", [59.0, 120.0, 4 * 86_400.0])
def test_one_host_ahead_does_not_change_the_common_time(
    ahead_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    site = Clocks()
    for _ in range(5):
        assert site.hear("e1", 0.0) == pytest.approx(0)
        assert site.hear("e2", -0.4) == pytest.approx(-0.4)
        assert abs(site.hear("e3", ahead_s)) < 0.01
        site.now_s += 1
    assert site.counts == {"clock": 5}
    assert len(caplog.records) == 1
    assert "camera host e3 of site hall" in caplog.text


def test_a_centre_that_is_behind_corrects_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """All hosts are 120 s ahead of it."""
    site = Clocks(own_error_s=-120.0)
    site.hear("e1", 0.0)
    for _ in range(3):
        assert site.hear("e2", 0.1) == pytest.approx(0.1)
        assert site.hear("e1", 0.0) == pytest.approx(0)
        site.now_s += 1
    assert "its own clock or the broker's is wrong" in caplog.text
    assert site.clocks.common_time_s == pytest.approx(NOW_S + site.now_s, abs=2)


def test_the_brokers_clock_is_preferred_to_the_centres() -> None:
    site = Clocks(own_error_s=-120.0)
    assert site.hear("e1", -0.1, stored_ahead_s=0.0) == pytest.approx(-0.1)
    assert site.clocks.common_time_s == pytest.approx(NOW_S, abs=1e-3)
    # A backlog: sent a while ago, by a host that was ahead then.
    assert site.hear("e2", -600 + 90, stored_ahead_s=-600.0) == pytest.approx(-600, abs=0.01)
    assert site.counts == {"clock": 1}


def test_a_clock_that_was_corrected_is_trusted_again() -> None:
    site = Clocks()
    assert site.hear("e1", 100.0) == pytest.approx(0, abs=0.01)
    site.now_s = 1.0
    assert site.hear("e1", -0.2) == pytest.approx(-0.2)
    site.now_s = 62.0
    assert site.hear("e1", 1.0) == pytest.approx(1.0)


def test_the_common_time_is_unknown_without_recent_messages() -> None:
    site = Clocks()
    assert site.clocks.common_time_s is None
    site.hear("e1", 0.0)
    assert site.clocks.common_time_s is None  # one host alone may be wrong


def test_all_times_of_a_message_are_moved() -> None:
    message = tracklet()
    moved = moved_back(message, 10.0)
    assert moved.end_s - moved.start_s == pytest.approx(message.end_s - message.start_s)
    assert moved.observations[0].time_s == pytest.approx(
        message.observations[0].time_s - 10, abs=2e-3
    )
    assert moved_back(message, 1e12).start_s == 0
    assert moved.message_id == message.message_id


def test_recordings_may_be_read_faster_than_real_time() -> None:
    site = Clocks()
    for ahead_s in (3.0, 20.0, 59.0):
        assert site.hear("e1", ahead_s, clock="file") == pytest.approx(ahead_s)
    assert abs(site.hear("e1", 3600.0, clock="file")) < 0.01
