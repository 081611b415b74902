"""The looks of a frame's tracks, and their worth: hidden and doubtful boxes do not enter."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError
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


def checked_looks(
    tracks: Tracks, embeddings: Embeddings | None, time: float, width: int
) -> Embeddings:
    """Return the looks of a frame's tracks as (M, D) float32 unit rows, zeros for "no look".

    Args:
        tracks: (M) tracks.
        embeddings: (M, D), one row a track; None: no track has a look.
        time: of the frame, in seconds.
        width: D of the looks seen before, 0 if none were.

    Raises:
        InputError: the arrays do not fit together or hold NaN, or the time is not finite.
    """
    if not math.isfinite(time):
        raise InputError(f"time = {time}: expected seconds, a finite number")
    if len(np.unique(tracks.ids)) < len(tracks):
        raise InputError(f"tracks.ids = {tracks.ids.tolist()}: expected each id once a frame")
    if embeddings is None:
        return np.zeros((len(tracks), width), np.float32)
    rows = np.asarray(embeddings, np.float32)
    if not len(tracks) and rows.size == 0:
        return np.zeros((0, width), np.float32)
    if rows.ndim != 2 or len(rows) != len(tracks):
        raise InputError(
            f"embeddings have shape {rows.shape}, expected ({len(tracks)}, D): a row a track"
        )
    if width and rows.shape[1] != width:
        raise InputError(
            f"embeddings have {rows.shape[1]} columns, this matcher has seen {width}; those of "
            "two encoders cannot be compared: make a new matcher"
        )
    if not np.isfinite(rows).all():
        raise InputError("embeddings hold NaN or infinite values")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)
