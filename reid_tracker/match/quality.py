"""The looks of a frame's tracks, and their worth: hidden and doubtful boxes do not enter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import covered
from reid_tracker.types import Embeddings, Tracks

FloatArray = npt.NDArray[np.float64]


def looks_of(tracks: Tracks, embeddings: Embeddings) -> Embeddings:
    """Return the (M, D) looks of (M) tracks from the (N, D) embeddings of a frame's detections.

    A track that took no detection has a row of zeros.
    """
    taken = tracks.detection_index >= 0
    looks = np.zeros((len(tracks), embeddings.shape[1]), np.float32)
    looks[taken] = embeddings[tracks.detection_index[taken]]
    return looks


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
