"""Boxes: formats, overlap and clipping; numpy only, vectorised over boxes.

The package uses `xyxy` boxes, float32, in pixels of the original frame: left, top, right, bottom,
with exclusive right and bottom edges (width = right - left). Other formats appear only here and
where data enters or leaves the package.
"""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import FloatArray

_Float = TypeVar("_Float", bound=np.floating[Any])

_SAME_FEET_PX = 1.0
"""Lower edges of boxes that differ by less are equal: detectors are not more exact."""


def xyxy_to_tlwh(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Convert (N, 4) left, top, right, bottom to left, top, width, height (MOTChallenge text)."""
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)


def tlwh_to_xyxy(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Convert (N, 4) left, top, width, height to left, top, right, bottom."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def cxcywh_to_xyxy(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Convert (N, 4) centre x, centre y, width, height to xyxy (ultralytics' `xywh`)."""
    half = boxes[:, 2:] / 2
    return np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)


def xyxy_to_cxcyah(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Convert (N, 4) xyxy to centre x, centre y, aspect (width / height), height.

    This is the measurement of the DeepSORT Kalman filter (arXiv 1703.07402, section 2.1). Heights
    must be positive.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + size / 2
    return np.stack([centre[:, 0], centre[:, 1], size[:, 0] / size[:, 1], size[:, 1]], axis=1)


def cxcyah_to_xyxy(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Convert (N, 4) centre x, centre y, aspect (width / height), height to xyxy."""
    half_height = boxes[:, 3] / 2
    half_width = boxes[:, 2] * half_height
    x, y = boxes[:, 0], boxes[:, 1]
    return np.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=1)


def areas(boxes: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Return the (N,) areas in square pixels of (N, 4) xyxy boxes; inverted boxes count as 0."""
    size: npt.NDArray[_Float] = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return size[:, 0] * size[:, 1]


def iou_matrix(boxes_a: npt.NDArray[_Float], boxes_b: npt.NDArray[_Float]) -> npt.NDArray[_Float]:
    """Return the intersection over union of every pair.

    Args:
        boxes_a: (N, 4) xyxy.
        boxes_b: (M, 4) xyxy.

    Returns:
        (N, M) values in [0, 1]; 0 where both boxes are empty.
    """
    intersection = _intersections(boxes_a, boxes_b)
    union = areas(boxes_a)[:, None] + areas(boxes_b)[None, :] - intersection
    union[union <= 0] = 1
    iou: npt.NDArray[_Float] = intersection / union
    return iou


def clip_boxes(boxes: npt.NDArray[_Float], width: int, height: int) -> npt.NDArray[_Float]:
    """Clip (N, 4) xyxy boxes to a frame of `width` x `height` pixels; the input is not changed."""
    limits = np.array([width, height, width, height], dtype=boxes.dtype)
    clipped: npt.NDArray[_Float] = np.clip(boxes, 0, limits)
    return clipped


def _intersections(boxes_a: npt.NDArray[_Float], boxes_b: npt.NDArray[_Float]) -> npt.NDArray[Any]:
    """Return (N, M) the areas that pairs of (N, 4) and (M, 4) xyxy boxes share."""
    # One axis after the other: NumPy is slow where the last axis has two elements.
    width = np.minimum(boxes_a[:, 2, None], boxes_b[:, 2])
    width -= np.maximum(boxes_a[:, 0, None], boxes_b[:, 0])
    height = np.minimum(boxes_a[:, 3, None], boxes_b[:, 3])
    height -= np.maximum(boxes_a[:, 1, None], boxes_b[:, 1])
    shared: npt.NDArray[Any] = np.maximum(width, 0) * np.maximum(height, 0)
    return shared


def cover_matrix(boxes: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """Return (M, M) the part of the smaller box that a pair shares: 1 where one is inside.

    Args:
        boxes: (M, 4) xyxy.
    """
    own = areas(boxes)
    smaller = np.minimum(own[:, None], own[None])
    cover = _intersections(boxes, boxes) / np.where(smaller > 0, smaller, 1)
    return cover.astype(np.float64)


def covered(boxes: npt.NDArray[_Float]) -> FloatArray:
    """Return (M,) how much of each box the most covering person in front of it hides, from 0 to 1.

    Most cameras look down on people: of two overlapping people, the one whose feet are lower in the
    image stands in front. Where both end at the same height, as at the lower edge of the image,
    either may stand in front, so both count as hidden.

    Args:
        boxes: (M, 4) xyxy.
    """
    if not len(boxes):
        return np.empty(0)
    common = _intersections(boxes, boxes)
    behind = boxes[None, :, 3] < boxes[:, None, 3] - _SAME_FEET_PX
    common[behind | np.eye(len(boxes), dtype=np.bool_)] = 0
    own = areas(boxes)
    part: npt.NDArray[np.floating[Any]] = common.max(axis=1) / np.where(own > 0, own, 1)
    return part.astype(np.float64)
