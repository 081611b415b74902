"""Which detections start tracks."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.track.birth import without_duplicates
from reid_tracker.track.observations import Observations, usable
from reid_tracker.types import Detections, Embeddings
from tests.track.scenes import looks, person

WHOLE = person(200, 300)
UPPER = (WHOLE[0] + 2, WHOLE[1] + 3, WHOLE[2] - 2, 300.0)
LOWER = (WHOLE[0] + 2, 300.0, WHOLE[2] - 2, WHOLE[3] - 1)
NONE = np.empty(0, np.int64)


def frame_of(
    *boxes: tuple[float, ...], scores: list[float], embeddings: Embeddings
) -> Observations:
    detections = Detections(
        np.array(boxes, np.float32), np.array(scores, np.float32), np.zeros(len(boxes), np.int64)
    )
    return usable(detections, embeddings, 0.3)


@pytest.mark.parametrize(
    ("inner", "look", "kept"),
    [(UPPER, 1, [0]), (LOWER, 0, [0]), (LOWER, 1, [0, 1])],
    ids=["same head", "same clothes", "neither"],
)
def test_a_nested_box_starts_none_if_it_is_the_same_person(
    inner: tuple[float, ...], look: int, kept: list[int]
) -> None:
    frame = frame_of(WHOLE, inner, scores=[0.9, 0.7], embeddings=looks(0, look))
    new = np.array([0, 1])
    assert without_duplicates(new, NONE, frame, 0.85, 0.3).tolist() == kept
    assert without_duplicates(new, NONE, frame, 1.0, 0.3).tolist() == [0, 1]


def test_the_more_confident_box_starts_and_a_tracked_one_keeps_its_place() -> None:
    frame = frame_of(UPPER, WHOLE, scores=[0.7, 0.9], embeddings=looks(0, 0))
    assert without_duplicates(np.array([0, 1]), NONE, frame, 0.85, 0.3).tolist() == [1]
    assert without_duplicates(np.array([1]), np.array([0]), frame, 0.85, 0.3).tolist() == []


def test_nothing_new() -> None:
    frame = frame_of(WHOLE, scores=[0.9], embeddings=looks(0))
    assert without_duplicates(NONE, np.array([0]), frame, 0.85, 0.3).tolist() == []
