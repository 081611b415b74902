"""Frames and reporters for tests of a camera host."""

from __future__ import annotations

from typing import Any

import numpy as np

from reid_tracker.config import EdgeConfig, MatchConfig
from reid_tracker.edge import MessageNumbers, Reported, TrackletReporter
from reid_tracker.edge.pictures import SmallPictures
from reid_tracker.match import GroundPlane
from reid_tracker.transport import (
    TrackletMessage,
)
from reid_tracker.types import Detections, Frame, FrameResult, Tracks

START_S = 1_764_000_000.0
STEP_S = 0.1
WIDTH, HEIGHT = 200, 100
ENCODER = "ab" * 32
EMBEDDINGS = np.eye(8, dtype=np.float32)


def reporter(
    numbers: MessageNumbers | None = None,
    *,
    ground: GroundPlane | None = None,
    min_hits: int = 3,
    pictures: SmallPictures | None = None,
    **edge: Any,
) -> TrackletReporter:
    settings = Reported(
        encoder=ENCODER,
        dim=8,
        gone_s=1.0,
        edge=EdgeConfig(**{"report_every_s": 1.0, "observe_every_s": 0.2, **edge}),
        match=MatchConfig(min_hits=min_hits),
        ground=ground or GroundPlane(),
        pictures=pictures,
    )
    return TrackletReporter("door", numbers or MessageNumbers("e1"), settings)


def frame_of(
    step: int, ids: list[int], *, observed: bool = True, score: float = 0.9
) -> tuple[FrameResult, float]:
    """A frame in which people stand 20 pixels apart; each has the embedding of its number."""
    count = len(ids)
    boxes = [[20 * one, 10.0, 20 * one + 10, 60.0] for one in ids]
    tracks = Tracks(
        ids=np.array(ids, np.int64),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.full(count, score, np.float32),
        classes=np.zeros(count, np.int64),
        ages_s=np.zeros(count),
        observed=np.full(count, observed),
        detection_index=np.arange(count) if observed else np.full(count, -1),
    )
    embeddings = EMBEDDINGS[ids] if observed else np.zeros((count, 8), np.float32)
    frame = Frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), step, step * STEP_S)
    result = FrameResult("door", frame, Detections.empty(), tracks, embeddings=embeddings)
    return result, START_S + step * STEP_S


def sent(
    made: TrackletReporter, steps: range, ids: list[int], **words: Any
) -> list[TrackletMessage]:
    found = []
    for step in steps:
        result, time_s = frame_of(step, ids, **words)
        found += made.update(result, time_s, "file")
    return found
