"""The confidence from which a detector sees a person clearly, from footage without labels.

Detectors differ in how sure they are of the same person, but all are less sure of a person half
hidden behind another. So two kinds of detections are compared: those that nearer people cover in
part, and those that nobody covers. The confidence that separates them best is the one from which
detections may start tracks and describe people.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.geometry import covered
from reid_tracker.types import Detections

MIN_DETECTIONS = 20
_CLEAR, _HIDDEN, _INSIDE = 0.05, 0.3, 0.85
"""Parts of a box that nearer boxes cover: less is seen clearly, more is half hidden, and a box that
lies in another may be a part of the same person."""


class ConfidenceRecorder:
    """Collects the confidences of people half hidden, and of people seen clearly."""

    def __init__(self) -> None:
        self._hidden: list[FloatArray] = []
        self._clear: list[FloatArray] = []

    def add(self, detections: Detections) -> None:
        """Add the detections of one frame."""
        cover, scores = covered(detections.boxes), detections.scores.astype(np.float64)
        self._hidden.append(scores[(cover >= _HIDDEN) & (cover < _INSIDE)])
        self._clear.append(scores[cover < _CLEAR])

    def confidences(self) -> tuple[FloatArray, FloatArray]:
        """Return (H,) confidences of people half hidden and (C,) of people seen clearly."""
        empty = [np.empty(0)]
        return np.concatenate(empty + self._hidden), np.concatenate(empty + self._clear)


def separating_confidence(hidden: FloatArray, clear: FloatArray) -> float | None:
    """Return the confidence that separates both kinds best.

    It has the largest sum of shares: of `hidden` below it and of `clear` from it on (Youden, "Index
    for rating diagnostic tests", 1950).

    Returns:
        The confidence, or None if there are fewer than `MIN_DETECTIONS` of either kind.
    """
    if min(len(hidden), len(clear)) < MIN_DETECTIONS:
        return None
    steps = np.union1d(hidden, clear)
    right = np.searchsorted(np.sort(hidden), steps) / len(hidden)
    right -= np.searchsorted(np.sort(clear), steps) / len(clear)
    return round(float(steps[right.argmax()]), 2)
