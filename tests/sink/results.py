"""Results for sinks to write: frames that tell their number, and tracks of all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from reid_tracker.types import Detections, Frame, FrameResult, ImageBGR, Tracks, VideoInfo

WIDTH, HEIGHT = 64, 48
INFO = VideoInfo(WIDTH, HEIGHT, Fraction(30000, 1001))


def grey(index: int, width: int = WIDTH, height: int = HEIGHT) -> ImageBGR:
    """A frame of one grey level that tells numbers below 20 apart."""
    return np.full((height, width, 3), 20 + 11 * (index % 20), np.uint8)


def number_of(image: ImageBGR) -> int:
    """Read back the number of `grey`."""
    return round((float(np.median(image)) - 20) / 11)


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
