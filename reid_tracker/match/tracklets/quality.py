"""The embeddings of a frame's tracks and their quality: hidden and weak boxes count 0."""

from __future__ import annotations

import math

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.errors import InputError
from reid_tracker.geometry import covered
from reid_tracker.types import Embeddings, Tracks


def track_embeddings(tracks: Tracks, embeddings: Embeddings) -> Embeddings:
    """Return the (M, D) embeddings of (M) tracks from the (N, D) of a frame's detections.

    A track without a detection gets a row of zeros.
    """
    taken = tracks.detection_index >= 0
    rows = np.zeros((len(tracks), embeddings.shape[1]), np.float32)
    rows[taken] = embeddings[tracks.detection_index[taken]]
    return rows


def qualities(tracks: Tracks, min_score: float, max_cover: float) -> FloatArray:
    """Return (M,) weights in [0, 1] of the embeddings of all tracks of a frame.

    It is 0 below the confidence `min_score`, and if others cover more than `max_cover` of the box.
    """
    cover = covered(tracks.boxes)
    good = tracks.observed & (tracks.scores >= min_score) & (cover <= max_cover)
    return np.where(good, tracks.scores * (1 - cover), 0.0)


def checked_embeddings(
    tracks: Tracks, embeddings: Embeddings | None, timestamp_s: float, width: int
) -> Embeddings:
    """Return the embeddings of a frame's tracks as (M, D) float32 unit rows, zeros for "none".

    `width` is the D of earlier embeddings, 0 if there were none.

    Raises:
        InputError: the arrays do not fit together or hold NaN, or the time is not finite.
    """
    if not math.isfinite(timestamp_s):
        raise InputError(f"timestamp_s = {timestamp_s}: expected seconds, a finite number")
    if len(np.unique(tracks.ids)) < len(tracks):
        raise InputError(f"tracks.ids = {tracks.ids.tolist()}: expected each id once per frame")
    if embeddings is None:
        return np.zeros((len(tracks), width), np.float32)
    rows = np.asarray(embeddings, np.float32)
    if not len(tracks) and rows.size == 0:
        return np.zeros((0, width), np.float32)
    if rows.ndim != 2 or len(rows) != len(tracks):
        raise InputError(
            f"embeddings have shape {rows.shape}, expected ({len(tracks)}, D): one row per track"
        )
    if width and rows.shape[1] != width:
        raise InputError(
            f"embeddings have {rows.shape[1]} columns, this matcher has seen {width}; embeddings "
            "of two encoders cannot be compared: make a new matcher"
        )
    if not np.isfinite(rows).all():
        raise InputError("embeddings hold NaN or infinite values")
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)
