"""What every tracker promises, checked on each one that can be built."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from reid_tracker.track import Tracker, build_tracker
from reid_tracker.types import Detections

Build = Callable[[], Tracker]


@pytest.fixture(params=[build_tracker])
def tracker(request: pytest.FixtureRequest) -> Tracker:
    build: Build = request.param
    return build()


def standing(count: int = 2) -> Detections:
    """Return people who stand beside each other, 100 pixels high."""
    left = np.arange(count, dtype=np.float32) * 200
    boxes = np.stack([left, left * 0, left + 40, left * 0 + 100], axis=1)
    return Detections(boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int64))


def test_signature_is_that_of_the_protocol(tracker: Tracker) -> None:
    for name in ("update", "reset"):
        own = inspect.signature(getattr(tracker, name)).parameters
        asked = [
            key for key in inspect.signature(getattr(Tracker, name)).parameters if key != "self"
        ]
        assert list(own) == asked


def test_people_keep_their_ids_and_reset_starts_again(tracker: Tracker) -> None:
    for _ in range(2):
        for frame in range(6):
            tracks = tracker.update(standing(), timestamp_s=frame / 10)
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_index.tolist() == [0, 1]
        tracker.reset()


def test_frames_without_people_are_normal(tracker: Tracker) -> None:
    for _ in range(3):
        assert len(tracker.update(Detections.empty())) == 0
    assert len(tracker.update(Detections.empty(), np.empty((0, 8), np.float32))) == 0
