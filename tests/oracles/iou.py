"""Intersection over union written plainly, one pair of boxes at a time, to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Box = Sequence[float]


def area(box: Box) -> float:
    left, top, right, bottom = map(float, box)
    if right <= left or bottom <= top:
        return 0.0
    return (right - left) * (bottom - top)


def iou(box_a: Box, box_b: Box) -> float:
    left = max(float(box_a[0]), float(box_b[0]))
    top = max(float(box_a[1]), float(box_b[1]))
    right = min(float(box_a[2]), float(box_b[2]))
    bottom = min(float(box_a[3]), float(box_b[3]))
    shared = area((left, top, right, bottom))
    union = area(box_a) + area(box_b) - shared
    return shared / union if union > 0 else 0.0


def iou_matrix(boxes_a: Sequence[Box], boxes_b: Sequence[Box]) -> npt.NDArray[np.float64]:
    matrix = np.zeros((len(boxes_a), len(boxes_b)))
    for row, box_a in enumerate(boxes_a):
        for column, box_b in enumerate(boxes_b):
            matrix[row, column] = iou(box_a, box_b)
    return matrix
