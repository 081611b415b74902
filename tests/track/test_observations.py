"""What a tracker is given for one frame; refusals are in test_deepsort_input.py."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.track.observations import (
    checked_detections,
    checked_embeddings,
    checked_seconds,
    usable,
)
from reid_tracker.types import Detections
from tests.track.scenes import looks, person, seen


def test_weak_and_empty_boxes_are_left_out() -> None:
    boxes = np.array([person(100), person(200), (5, 5, 5, 9), person(300)], np.float32)
    detections = Detections(
        boxes, np.array([0.9, 0.2, 0.9, 0.3], np.float32), np.array([0, 1, 2, 3], np.int64)
    )
    frame = usable(detections, looks(0, 1, 2, 3), 0.3)
    assert len(frame) == 2
    assert frame.rows.tolist() == [0, 3]
    assert frame.classes.tolist() == [0, 3]
    assert frame.embeddings is not None
    np.testing.assert_array_equal(frame.embeddings, looks(0, 3))
    np.testing.assert_allclose(frame.measurements[1], [300, 300, 0.4, 150])
    assert usable(detections, None, 0.3).embeddings is None


def test_rows_get_unit_length_and_zeros_stay() -> None:
    rows = checked_embeddings(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32), 2, None)
    assert rows is not None
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 0]]), rtol=1e-6)
    assert checked_embeddings(np.empty((0, 0), np.float32), 0, 8) is None
    with pytest.raises(InputError, match="2 columns, this tracker has seen 8"):
        checked_embeddings(np.ones((1, 2), np.float32), 1, 8)


def test_seconds_and_detections() -> None:
    assert checked_seconds(None) is None
    assert checked_seconds(np.float32(1.5)) == 1.5
    with pytest.raises(InputError, match="expected seconds"):
        checked_seconds(1.7e18)
    found = seen(person(100))
    assert checked_detections(found) is found


def test_none_in_a_list_of_embeddings_is_a_row_of_zeros() -> None:
    rows = checked_embeddings([None, np.array([0, 2], np.float32), None], 3, None)
    assert rows is not None
    assert rows.tolist() == [[0, 0], [0, 1], [0, 0]]
    known = checked_embeddings([None, None], 2, 4)
    assert known is not None
    assert known.tolist() == np.zeros((2, 4)).tolist()
    assert checked_embeddings([None, None], 2, None) is None
    with pytest.raises(InputError, match=r"shape \(2, 2\), expected \(3, D\)"):
        checked_embeddings([None, [1, 2]], 3, None)
