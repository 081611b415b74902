"""Results for sinks to write: frames that show their number, tracks of all kinds, a small run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.sink.files import TextSink
from reid_tracker.types import (
    Detections,
    EventKind,
    Frame,
    FrameResult,
    Identities,
    IdentityEvent,
    ImageBGR,
    Tracks,
    VideoInfo,
)

WIDTH, HEIGHT = 64, 48
INFO = VideoInfo(WIDTH, HEIGHT, Fraction(30000, 1001))


def grey(index: int, width: int = WIDTH, height: int = HEIGHT) -> ImageBGR:
    """A frame of one grey level that tells numbers below 20 apart."""
    return np.full((height, width, 3), 20 + 11 * (index % 20), np.uint8)


def number_of(image: ImageBGR) -> int:
    """Read back the number of `grey`."""
    return round((float(np.median(image)) - 20) / 11)


def link_to_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a path a link to a device that is always full, which sinks then do not refuse."""
    monkeypatch.setattr(Path, "is_symlink", lambda self: False)
    monkeypatch.setattr(os, "O_NOFOLLOW", 0)
    path.symlink_to("/dev/full")
    return path


def make_tracks(
    ids: Sequence[int] = (1, 2, 3), boxes: Sequence[Sequence[float]] | None = None
) -> Tracks:
    """Tracks whose every second box is only predicted."""
    count = len(ids)
    if boxes is None:
        boxes = [[5.123 + 12 * k, 7.5, 15.126 + 12 * k, 40.25] for k in range(count)]
    observed = np.arange(count) % 2 == 0
    return Tracks(
        ids=np.array(ids, np.int64),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.linspace(0.9, 0.5, count, dtype=np.float32),
        classes=np.zeros(count, np.int64),
        ages_s=np.linspace(0, 1, count),
        observed=observed,
        detection_index=np.where(observed, np.arange(count), -1),
    )


def make_result(
    index: int = 0,
    tracks: Tracks | None = None,
    image: ImageBGR | None = None,
    timestamp_s: float | None = None,
    camera: str = "cam",
) -> FrameResult:
    """A result for frame `index`; its time follows INFO's rate unless given."""
    time_s = float(index / INFO.frame_rate) if timestamp_s is None else timestamp_s
    frame = Frame(grey(index) if image is None else image, index, time_s)
    return FrameResult(
        camera, frame, Detections.empty(), make_tracks() if tracks is None else tracks
    )


EVENT = IdentityEvent(
    kind="merge",
    identity=3,
    previous_ids=(5, 8),
    members=(("door", 1), ("hall", 2)),
    reason="one person, seen from today",
    score=0.81234,
    time_s=12.5,
)


def with_identities(result: FrameResult, *ids: int) -> FrameResult:
    scores = np.ones(len(ids), np.float32)
    identities = Identities(result.tracks.ids, np.array(ids, np.int64), scores)
    return dataclasses.replace(result, identities=identities, events=(EVENT,))


BOXES = [[1.004, 2.0, 11.0, 22.5], [-3.25, -0.001, 4.0, 8.0]]


def written(sink: TextSink, *results: FrameResult) -> str:
    with sink:
        for result in results:
            sink.write(result)
    return sink.path.read_bytes().decode()


STEMS = {"door": "door", "hall": "hall"}


def event(kind: EventKind, identity: int, *members: tuple[str, int]) -> IdentityEvent:
    return IdentityEvent(kind, identity, (), members, "", 1.0, 0.0)


def seen(
    camera: str, index: int, who: dict[int, int], *events: IdentityEvent, time_s: float = 0.0
) -> FrameResult:
    """A frame with tracks and the identities that they have live."""
    boxes = [[5.0 + 12 * k, 7, 15 + 12 * k, 40] for k in range(len(who))]
    tracks = make_tracks(list(who), boxes)
    tracks = dataclasses.replace(tracks, observed=np.ones(len(who), np.bool_))
    ids = np.array(list(who.values()), np.int64)
    result = make_result(index, tracks, camera=camera, timestamp_s=time_s)
    identities = Identities(tracks.ids, ids, np.ones(len(ids), np.float32))
    return dataclasses.replace(result, identities=identities, events=events)


RUN = [
    seen("door", 0, {1: 0, 2: 0}),
    seen("hall", 0, {1: 0}),
    seen("door", 1, {1: 1, 2: 2}, event("new", 1, ("door", 1)), event("new", 2, ("door", 2))),
    seen("hall", 1, {1: 3, 9: 0}, event("new", 3, ("hall", 1)), time_s=2.0),
]
LAST = [event("merge", 1, ("hall", 1)), event("split", 0, ("door", 2))]
FINAL = {("door", 1): 1, ("door", 2): None, ("hall", 1): 1, ("hall", 9): None}
