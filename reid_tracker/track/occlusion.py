"""Who hides whom: cameras look down, so of two people the one with the lower feet is nearer."""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray

_FEET_TOLERANCE = 0.1  # of the height: a predicted box knows its lower edge no better
_CLEARLY_LOWER = 0.05  # of the height, by which the box in front must reach farther down
_HIDDEN_EDGE = 0.5  # of the lower edge lies behind others
_BORDER = 0.01  # of the picture's width: a box that ends there may go on outside
_SLIVER = 0.29  # of the height: 0.41 is a usual width, of which less than 70 % is left


def hidden_part(boxes: FloatArray, visible: FloatArray) -> FloatArray:
    """Return how much of each box the visible box that covers most of it from the front hides.

    Args:
        boxes: (M, 4) xyxy of people who may be hidden.
        visible: (V, 4) xyxy of other people.

    Returns:
        (M,) parts of the area, from 0 to 1.
    """
    if not len(visible):
        return np.zeros(len(boxes))
    width = _shared(boxes, visible, 0)
    height = _shared(boxes, visible, 1)
    tall = boxes[:, 3] - boxes[:, 1]
    in_front = visible[None, :, 3] > (boxes[:, 3] - _FEET_TOLERANCE * tall)[:, None]
    area = np.maximum((boxes[:, 2] - boxes[:, 0]) * tall, np.finfo(float).tiny)
    part: FloatArray = (width * height * in_front).max(axis=1) / area
    return part


def feet_hidden(boxes: FloatArray, others: FloatArray) -> BoolArray:
    """Return whether another box begins above the lower edge of a box, hides it and ends below it.

    Args:
        boxes: (M, 4) xyxy with positive size.
        others: (V, 4) xyxy; the boxes themselves may be among them.
    """
    if not len(others):
        return np.zeros(len(boxes), np.bool_)
    tall = boxes[:, 3] - boxes[:, 1]
    crosses = (others[None, :, 1] < boxes[:, None, 3]) & (
        others[None, :, 3] > (boxes[:, 3] + _CLEARLY_LOWER * tall)[:, None]
    )
    covered = _shared(boxes, others, 0) / (boxes[:, 2] - boxes[:, 0])[:, None]
    return np.asarray((crosses & (covered >= _HIDDEN_EDGE)).any(axis=1))


def slivers(boxes: FloatArray, picture_width: float) -> BoolArray:
    """Return which (M, 4) xyxy boxes end at a side of the picture and are too narrow for a person.

    More than 30 % of such a person is outside; `match.max_cover` ignores as much behind others.
    """
    border = _BORDER * picture_width
    at_side = (boxes[:, 0] <= border) | (boxes[:, 2] >= picture_width - border)
    narrow = boxes[:, 2] - boxes[:, 0] < _SLIVER * (boxes[:, 3] - boxes[:, 1])
    found: BoolArray = at_side & narrow
    return found


def _shared(a: FloatArray, b: FloatArray, axis: int) -> FloatArray:
    """Return the (M, V) lengths that two boxes share along x (axis 0) or y (axis 1)."""
    low = np.maximum(a[:, None, axis], b[None, :, axis])
    high = np.minimum(a[:, None, axis + 2], b[None, :, axis + 2])
    length: FloatArray = np.maximum(high - low, 0)
    return length
