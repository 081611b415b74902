"""The check that every encoder makes of its boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reid_tracker.encode.base import check_boxes
from reid_tracker.errors import InputError


@pytest.mark.parametrize("empty", [[], np.empty((0, 4)), np.empty((0, 7))])
def test_anything_empty_is_no_boxes(empty: Any) -> None:
    assert check_boxes(empty).shape == (0, 4)


def test_lists_become_float32() -> None:
    boxes = check_boxes([[1, 2, 3, 4.5]])
    assert boxes.dtype == np.float32
    assert boxes.tolist() == [[1, 2, 3, 4.5]]


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[1, 2, 3]], r"shape \(1, 3\), expected \(N, 4\)"),
        ([1, 2, 3, 4], r"shape \(4,\)"),
        ([["a", 1, 2, 3]], "not numeric"),
        ([[0, 0, 1, 1], [0, 0, 1e60, 1]], "row 1 is .* drop that row"),
        ([[0, 0, float("nan"), 1]], "row 0 is .* expected finite numbers"),
    ],
)
def test_wrong_boxes_are_one_clear_error(boxes: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_boxes(boxes)
