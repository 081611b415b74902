"""Blurs heads before any output uses the picture."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import cv2
import numpy as np

from reid_tracker.geometry import clip_boxes
from reid_tracker.types import Boxes, FrameResult, ImageBGR

_LEAST_HEIGHT, _WIDTH_TO_HEIGHT, _ABOVE = 0.22, 0.55, 0.06
_CELLS = 4
_HOLD_S = 0.5


class HeadBlur:
    """Blurs the heads of all people that are detected or tracked; frames must come in order.

    A head region stays blurred for half a second, since a detector sometimes misses a frame. A
    person who is never detected is not blurred.
    """

    def __init__(self) -> None:
        self._recent: deque[tuple[float, Boxes]] = deque()

    def hide(self, result: FrameResult) -> FrameResult:
        """Return the result with a blurred copy of the picture."""
        now_s = result.frame.timestamp_s
        boxes = np.concatenate([result.detections.boxes, result.tracks.boxes])
        self._recent.append((now_s, head_boxes(boxes)))
        while not now_s - _HOLD_S <= self._recent[0][0] <= now_s:
            self._recent.popleft()
        heads = np.concatenate([heads for _, heads in self._recent])
        image = blurred(result.frame.image, heads)
        return replace(result, frame=replace(result.frame, image=image))


def head_boxes(boxes: Boxes) -> Boxes:
    """Return the (N, 4) xyxy regions of the heads of people in (N, 4) xyxy boxes.

    A region has the full width of the box, and a fifth of its height or half of its width,
    whichever is more: in the box of a person cut off at the waist, the head takes a larger part.
    """
    size = boxes[:, 2:] - boxes[:, :2]
    height = np.maximum(_LEAST_HEIGHT * size[:, 1], _WIDTH_TO_HEIGHT * size[:, 0])
    height = np.minimum(height, size[:, 1])
    heads: Boxes = boxes.copy()
    heads[:, 1] -= _ABOVE * size[:, 1]
    heads[:, 3] = boxes[:, 1] + height
    return heads


def blurred(image: ImageBGR, regions: Boxes) -> ImageBGR:
    """Return a copy of a picture in which each region is reduced to a few smooth colours.

    Args:
        image: (H, W, 3) uint8 BGR.
        regions: (N, 4) xyxy pixels; may extend beyond the picture.
    """
    result: ImageBGR = image.copy()
    corners = clip_boxes(regions, image.shape[1], image.shape[0])
    corners[:, :2], corners[:, 2:] = np.floor(corners[:, :2]), np.ceil(corners[:, 2:])
    for left, top, right, bottom in np.unique(corners.astype(int), axis=0).tolist():
        if left < right and top < bottom:
            # Read from the original picture, since regions may overlap.
            part = image[top:bottom, left:right]
            # Averages over a quarter of a head cannot be inverted.
            few = cv2.resize(part, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
            result[top:bottom, left:right] = cv2.resize(
                few, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR
            )
    return result
