"""What a tracker is given for one frame, checked and laid out for the stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray, to_array
from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.geometry import xyxy_to_cxcyah
from reid_tracker.types import Detections, Embeddings

_LATEST_S = 1e11  # the year 5138; larger numbers are milliseconds or nanoseconds


@dataclass(frozen=True)
class Observations:
    """The usable detections of a frame: confident enough, and with an area.

    Attributes:
        rows: (N,) their rows in what `update` was given.
        boxes: (N, 4) xyxy, float64.
        measurements: (N, 4) centre x, centre y, aspect, height.
        scores: (N,) confidences.
        classes: (N,) class numbers.
        embeddings: (N, D) unit rows, or rows of zeros; None without appearance.
    """

    rows: IntArray
    boxes: FloatArray
    measurements: FloatArray
    scores: Float32Array
    classes: IntArray
    embeddings: Embeddings | None

    def __len__(self) -> int:
        return len(self.rows)


def usable(
    detections: Detections, embeddings: Embeddings | None, min_confidence: float
) -> Observations:
    """Lay out the detections that the stages may use."""
    rows = np.flatnonzero(
        (detections.scores >= min_confidence)
        & (detections.boxes[:, 2:] > detections.boxes[:, :2]).all(axis=1)
    )
    boxes = detections.boxes[rows].astype(np.float64)
    return Observations(
        rows=rows,
        boxes=boxes,
        measurements=xyxy_to_cxcyah(boxes),
        scores=detections.scores[rows],
        classes=detections.classes[rows],
        embeddings=None if embeddings is None else embeddings[rows],
    )


def spread(embeddings: Embeddings, rows: IntArray, count: int) -> Embeddings:
    """Return (N, D) embeddings, N = `count`, with (K, D) ones in (K,) rows and zeros elsewhere."""
    every = np.zeros((count, embeddings.shape[1]), np.float32)
    every[rows] = embeddings
    return every


def checked_detections(found: Any) -> Detections:
    """Return detections, made from what other libraries return if need be."""
    return found if isinstance(found, Detections) else Detections(found)


def checked_embeddings(embeddings: Any, count: int, expected_size: int | None) -> Embeddings | None:
    """Return (N, D) embeddings with unit rows; rows of zeros stay, and None becomes one.

    Raises:
        InputError: they do not fit `count` detections or `expected_size` columns, or hold NaN.
    """
    if embeddings is None:
        return None
    if isinstance(embeddings, list | tuple) and any(row is None for row in embeddings):
        known = next((len(row) for row in embeddings if row is not None), expected_size)
        if known is None:
            return None
        embeddings = [np.zeros(known) if row is None else row for row in embeddings]
    embeddings = to_array(embeddings, np.float32, "embeddings")
    if count == 0 and embeddings.size == 0:
        return None
    if embeddings.ndim != 2 or len(embeddings) != count:
        raise InputError(
            f"embeddings have shape {embeddings.shape}, expected ({count}, D): one row "
            "per detection"
        )
    if expected_size is not None and count and embeddings.shape[1] != expected_size:
        raise InputError(
            f"embeddings have {embeddings.shape[1]} columns, this tracker has seen "
            f"{expected_size}; call reset() before changing the encoder"
        )
    # Squares of finite float32 numbers are finite in float64.
    length = np.sqrt(np.einsum("nd,nd->n", embeddings, embeddings, dtype=np.float64))
    if not np.isfinite(length).all():
        raise InputError("embeddings hold NaN or infinite values")
    length[length == 0] = 1
    unit: Embeddings = (embeddings / length[:, None]).astype(np.float32)
    return unit


def checked_seconds(timestamp_s: Any) -> float | None:
    """Return a timestamp as a float.

    Raises:
        InputError: it is not a number, or is in other units than seconds.
    """
    if timestamp_s is None:
        return None
    try:
        seconds = to_array(timestamp_s, np.float64, "timestamp_s")
    except InputError:
        seconds = np.array(np.nan)
    if seconds.ndim or not abs(seconds) <= _LATEST_S:
        raise InputError(f"timestamp_s = {shown(timestamp_s)}: expected seconds, a finite number")
    return float(seconds)
