"""The state of a camera and the times of its frames."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.edge import MessageNumbers
from reid_tracker.edge.camera import EdgeCamera
from reid_tracker.types import Frame, SourceState, SourceStatus
from tests.edge.world import (
    START_S,
)


class StubCamera:
    """A live source with a given state."""

    name, live, label, began_s, closed, info = "door", True, "rtsp://door", None, False, None

    def __init__(self) -> None:
        self.now = SourceStatus("door", SourceState.CONNECTING, 0.0)

    def status(self) -> SourceStatus:
        return self.now

    def _nothing(self, *_: object) -> None:
        return None

    poll = ring = waiting_since = announce = close = __iter__ = __enter__ = __exit__ = _nothing


def test_changes_are_sent_at_once_and_other_states_regularly() -> None:
    stub, numbers = StubCamera(), MessageNumbers("e1")
    camera = EdgeCamera(stub, 0.0)  # type: ignore[arg-type]
    first = camera.state_message(numbers, 10.0)
    assert first is not None
    assert (first.state, first.reason, first.frames) == ("connecting", "", 0)
    assert camera.state_message(numbers, 10.0) is None
    stub.now = SourceStatus("door", SourceState.LIVE, 1.0, frames=7, dropped=2, clock="rtcp")
    second = camera.state_message(numbers, 10.0)
    assert second is not None
    assert (second.state, second.reason, second.frames, second.dropped) == ("live", "", 7, 2)
    assert (second.clock, second.edge_seq) == ("rtcp", 1)
    assert camera.state_message(numbers, 0.0) is not None
    stub.now = SourceStatus("door", SourceState.STALLED, 1.0, frames=7)
    third = camera.state_message(numbers, 10.0)
    assert third is not None
    assert (third.state, third.reason) == ("stalled", "")
    stub.now = SourceStatus("door", SourceState.GONE, 1.0, reason="no route")
    camera.end("stopped")
    last = camera.state_message(numbers, 10.0)
    assert last is not None
    assert (last.state, last.reason) == ("gone", "stopped")


def test_times_come_from_the_camera_or_from_the_start_of_the_run() -> None:
    stub = StubCamera()
    camera = EdgeCamera(stub, START_S)  # type: ignore[arg-type]
    image = np.zeros((2, 2, 3), np.uint8)
    assert camera.take(Frame(image, 0, 3.0)) == START_S + 3
    assert camera.take(Frame(image, 1, 3.0, captured_s=START_S + 50)) == START_S + 50
    assert camera.take(Frame(image, 2, 1.0)) == pytest.approx(START_S + 50.001, abs=1e-6)
    assert camera.silent_now() is None
    stub.now = SourceStatus("door", SourceState.STALLED, 2.0, frames=2, frame_age_s=5.0)
    assert camera.silent_now() == pytest.approx(START_S + 55.001, abs=1e-6)
