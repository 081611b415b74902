"""The looks of a frame's tracks, and their worth: hidden and doubtful boxes do not enter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import areas
from reid_tracker.types import Boxes, Embeddings, Tracks

FloatArray = npt.NDArray[np.float64]


def looks_of(tracks: Tracks, embeddings: Embeddings) -> Embeddings:
    """Return the (M, D) looks of (M) tracks from the (N, D) embeddings of a frame's detections.

    A track that took no detection has a row of zeros.
    """
    taken = tracks.detection_index >= 0
    looks = np.zeros((len(tracks), embeddings.shape[1]), np.float32)
    looks[taken] = embeddings[tracks.detection_index[taken]]
    return looks


def covered(boxes: Boxes) -> FloatArray:
    """Return the (M,) part of each box that the one covering most of it covers.

    Of two overlapping people the one whose feet are lower in the picture stands in front, where the
    camera looks down on them, as most do.

    Args:
        boxes: (M, 4) xyxy.
    """
    if not len(boxes):
        return np.empty(0)
    top_left = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    bottom_right = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.maximum(bottom_right - top_left, 0).prod(axis=2)
    common[boxes[None, :, 3] <= boxes[:, None, 3]] = 0
    own = areas(boxes)
    part: FloatArray = common.max(axis=1) / np.where(own > 0, own, 1)
    return part.astype(np.float64)


def qualities(tracks: Tracks, min_score: float, max_cover: float) -> FloatArray:
    """Return (M,) weights in [0, 1] of the looks of a frame's tracks; 0 where not good enough.

    Args:
        tracks: all tracks of the frame, since they hide each other.
        min_score: detections below it count 0.
        max_cover: boxes covered more than this count 0.
    """
    cover = covered(tracks.boxes)
    good = tracks.observed & (tracks.scores >= min_score) & (cover <= max_cover)
    return np.where(good, tracks.scores * (1 - cover), 0.0)
