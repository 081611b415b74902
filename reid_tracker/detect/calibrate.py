"""Finds the confidence of clearly visible people for a detector, from footage without labels.

Detectors give the same person different confidences, but all give lower ones to people who are half
hidden behind others. This module compares detections that nearer people cover in part with those
that nobody covers. The confidence that separates the two best is the threshold for detections that
may start tracks and contribute embeddings.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.geometry import covered
from reid_tracker.types import Detections

MIN_DETECTIONS = 20
_CLEAR, _HIDDEN, _INSIDE = 0.05, 0.3, 0.85
"""Share of a box that nearer boxes cover: below _CLEAR the person is clearly visible; from _HIDDEN
to _INSIDE half hidden; above _INSIDE the box may be a part of the same person."""


class ConfidenceRecorder:
    """Collects the confidences of half hidden and of clearly visible people."""

    def __init__(self) -> None:
        self._hidden: list[FloatArray] = []
        self._clear: list[FloatArray] = []

    def add(self, detections: Detections) -> None:
        """Add the detections of one frame."""
        cover, scores = covered(detections.boxes), detections.scores.astype(np.float64)
        self._hidden.append(scores[(cover >= _HIDDEN) & (cover < _INSIDE)])
        self._clear.append(scores[cover < _CLEAR])

    def confidences(self) -> tuple[FloatArray, FloatArray]:
        """Return (H,) confidences of half hidden and (C,) of clearly visible people."""
        empty = [np.empty(0)]
        return np.concatenate(empty + self._hidden), np.concatenate(empty + self._clear)


def separating_confidence(hidden: FloatArray, clear: FloatArray) -> float | None:
    """Return the confidence that separates both groups best.

    It maximises the share of `hidden` below it plus the share of `clear` at or above it (Youden,
    "Index for rating diagnostic tests", 1950).

    Returns:
        The confidence, or None if a group has fewer than `MIN_DETECTIONS` values.
    """
    if min(len(hidden), len(clear)) < MIN_DETECTIONS:
        return None
    steps = np.union1d(hidden, clear)
    right = np.searchsorted(np.sort(hidden), steps) / len(hidden)
    right -= np.searchsorted(np.sort(clear), steps) / len(clear)
    return round(float(steps[right.argmax()]), 2)
