"""Matching of detections with ground truth, as its plain oracle does it."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.evaluate import FrameBoxes, match_detections, precision_recall_f1
from tests.oracles import detection as oracle


def crowd(generator: np.random.Generator, count: int) -> FrameBoxes:
    """Boxes so close to each other that many detections want the same person."""
    left_top = generator.uniform(0, 12, (count, 2))
    boxes = np.concatenate([left_top, left_top + generator.uniform(6, 12, (count, 2))], 1)
    scores = generator.permutation(np.linspace(0.02, 0.98, count)) if count else np.empty(0)
    return FrameBoxes(generator.integers(1, 5, count), boxes, scores)


def rows(boxes: FrameBoxes) -> list[oracle.Mark]:
    columns = (boxes.frames, boxes.boxes, boxes.scores)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_scores_are_those_of_the_oracle(seed: int) -> None:
    generator = np.random.default_rng(seed)
    found, truth = (crowd(generator, int(n)) for n in generator.integers(0, 40, 2))
    hits = match_detections(found, truth)
    assert hits.tolist() == oracle.match(rows(found), rows(truth), 0.5)
    strong = found.scores >= 0.5
    some = FrameBoxes(found.frames[strong], found.boxes[strong], found.scores[strong])
    again = match_detections(some, truth)
    assert again.tolist() == hits[strong].tolist(), "weaker detections change nothing"
    (three,) = precision_recall_f1(found.scores, hits, len(truth), [0.5])
    right = again.sum()
    assert three.tolist() == pytest.approx(
        [
            right / len(again) if len(again) else 0,
            right / len(truth) if len(truth) else 0,
            2 * right / (len(again) + len(truth)) if len(again) + len(truth) else 0,
        ]
    )


def test_a_second_detection_of_a_person_is_a_mistake() -> None:
    box = np.array([[0.0, 0, 10, 20]])
    found = FrameBoxes(np.array([1, 1]), np.repeat(box, 2, 0), np.array([0.6, 0.9]))
    assert match_detections(found, FrameBoxes(np.array([1]), box, np.ones(1))).tolist() == [
        False,
        True,
    ]


def test_thresholds_include_their_value() -> None:
    scores = np.array([0.5, 0.25])
    three = precision_recall_f1(scores, np.array([True, False]), 2, [0.25, 0.5, 0.75])
    assert three.tolist() == [[0.5, 0.5, 0.5], [1.0, 0.5, 2 / 3], [0.0, 0.0, 0.0]]
