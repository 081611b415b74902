"""The confidence of clearly visible people."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.detect.calibrate import ConfidenceRecorder, separating_confidence
from reid_tracker.types import Detections


def frame(*rows: tuple[float, float, float]) -> Detections:
    """Return people of 40 x 100 pixels: left edge, top edge, confidence."""
    boxes = np.array([[left, top, left + 40, top + 100] for left, top, _ in rows], np.float32)
    scores = np.array([score for *_, score in rows], np.float32)
    return Detections(boxes.reshape(-1, 4), scores, np.zeros(len(rows), np.int64))


def test_half_hidden_people_are_separated_from_visible_people() -> None:
    recorder = ConfidenceRecorder()
    recorder.add(frame((0, 0, 0.9), (200, 0, 0.5), (220, 10, 0.8)))  # the second is half hidden
    recorder.add(
        frame((0, 0, 0.4), (2, 5, 0.7))
    )  # the first may be a second box of the same person
    recorder.add(frame())
    hidden, clear = recorder.confidences()
    np.testing.assert_allclose(hidden, [0.5])
    np.testing.assert_allclose(clear, [0.9, 0.8, 0.7])


def test_the_threshold_separates_both_groups_best() -> None:
    hidden, clear = np.linspace(0.3, 0.6, 40), np.linspace(0.7, 0.9, 400)
    assert separating_confidence(hidden, clear) == pytest.approx(0.7)
    rng = np.random.default_rng(0)
    found = separating_confidence(rng.normal(0.5, 0.1, 3000), rng.normal(0.8, 0.1, 9000))
    assert found == pytest.approx(0.65, abs=0.03)


def test_too_few_people_give_no_threshold() -> None:
    many = np.linspace(0.3, 0.9, 50)
    assert separating_confidence(many[:19], many) is None
    assert separating_confidence(many, many[:19]) is None
