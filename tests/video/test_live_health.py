"""Health of a network camera, on a clock of the test's own."""

from __future__ import annotations

import pytest

from reid_tracker.types import SourceState
from reid_tracker.video.live_health import LiveHealth


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> LiveHealth:
    return LiveHealth(lambda: "door", "rtsp://***@door/1", 2.0, clock=clock)


def test_connecting_live_stalled_gone_and_back(health: LiveHealth, clock: Clock) -> None:
    clock.now_s += 1
    status = health.status()
    assert (status.state, status.since_s) == (SourceState.CONNECTING, 1.0)
    assert status.frame_age_s is None
    health.note_picture()
    clock.now_s += 2
    assert health.status().state is SourceState.LIVE
    clock.now_s += 1
    status = health.status()
    assert (status.state, status.since_s, status.frame_age_s) == (SourceState.STALLED, 1.0, 3.0)
    health.note_loss("nothing came")
    clock.now_s += 4
    health.note_loss("connection refused")
    status = health.status()
    assert (status.state, status.since_s) == (SourceState.GONE, 4.0)
    assert status.reason == "connection refused"
    health.note_picture()
    status = health.status()
    assert (status.state, status.frames, status.reconnects) == (SourceState.LIVE, 2, 1)
    assert status.reason == ""


def test_a_camera_that_answers_late_has_not_reconnected(health: LiveHealth) -> None:
    health.note_loss("connection refused")
    health.note_picture()
    assert health.status().reconnects == 0


def test_losses_are_logged_once_a_reason_after_announcing(
    health: LiveHealth, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    health.note_loss("connection refused")
    assert caplog.messages == []
    health.announce()
    for reason in ("connection refused", "no answer", "connection refused"):
        health.note_loss(reason)
    clock.now_s += 2.5
    health.note_picture()
    health.note_loss("no answer")
    gone = "camera door (rtsp://***@door/1) is gone: {}; trying again"
    assert caplog.messages == [
        gone.format("connection refused"),
        gone.format("no answer"),
        "camera door is live after 2.5 s",
        gone.format("no answer"),
    ]


def test_a_video_that_has_ended_is_gone(
    health: LiveHealth, caplog: pytest.LogCaptureFixture
) -> None:
    health.note_picture()
    health.note_end()
    assert (health.status().state, health.status().reason) == (SourceState.GONE, "the video ended")
    assert caplog.messages == [
        "rtsp://***@door/1 has ended, and was a recording; if it is a camera, use --live, or live: "
        "true in a list of cameras"
    ]
