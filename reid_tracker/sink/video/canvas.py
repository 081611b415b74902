"""Pictures brought to the size that a video was started with."""

from __future__ import annotations

import cv2
import numpy as np

from reid_tracker.types import ImageBGR


def with_even_sides(image: ImageBGR) -> ImageBGR:
    """Repeat the last column and row where a side is odd, which 4:2:0 video cannot hold.

    Args:
        image: (H, W, 3) uint8.

    Returns:
        (H', W', 3) uint8 with H' and W' even; pixels keep their places.
    """
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def fit_to_canvas(image: ImageBGR, width: int, height: int) -> ImageBGR:
    """Bring a picture to a canvas: as it is if it fits, else scaled and centred on black.

    Args:
        image: (H, W, 3) uint8.
        width: of the canvas, even, pixels.
        height: of the canvas, even, pixels.

    Returns:
        (height, width, 3) uint8.
    """
    even = with_even_sides(image)
    if even.shape[:2] == (height, width):
        return even
    scale = min(width / image.shape[1], height / image.shape[0])
    new_width = min(width, max(1, round(image.shape[1] * scale)))
    new_height = min(height, max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    canvas[top : top + new_height, left : left + new_width] = scaled
    return canvas
