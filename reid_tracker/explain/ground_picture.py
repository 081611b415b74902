"""A frame with a grid on the ground plane, to check a homography by eye."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import FloatArray
from reid_tracker.match import CameraGround, GroundPlane
from reid_tracker.types import ImageBGR

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_STEPS_M = (0.5, 1, 2, 5, 10, 20, 50)
_MOST_LINES = 40  # along the longer side of the visible ground
_LINE, _FIFTH, _POINT, _MEANT = (255, 255, 255), (0, 215, 255), (60, 60, 255), (80, 220, 80)


def draw_ground_grid(image: ImageBGR, matrix: FloatArray) -> tuple[ImageBGR, float]:
    """Draw lines of equal X and equal Y on the ground, with labels in metres.

    Args:
        image: (H, W, 3) uint8 BGR; not changed.
        matrix: (3, 3) homography from pixels to metres.

    Returns:
        The image with the grid, and the distance between two lines in metres.
    """
    height, width = image.shape[:2]
    ground = GroundPlane((CameraGround("", tuple(matrix.ravel().tolist())),))
    outline = ground.footprint("", width, height)
    layer = image.copy()
    if len(outline) < 3:
        return layer, 1.0
    low, high = outline.min(axis=0), outline.max(axis=0)
    longest = float((high - low).max())
    step = next((s for s in _STEPS_M if longest / s <= _MOST_LINES), 100.0)
    inverse: npt.NDArray[Any] = np.linalg.inv(matrix)
    sign = np.sign(matrix[2] @ [width / 2, height, 1])
    lines = [
        (axis, value, _ground_line(axis, value, low, high))
        for axis in (0, 1)
        for value in np.arange(np.ceil(low[axis] / step), high[axis] / step) * step
    ]
    labels = []
    for axis, value, line in lines:
        fifth = round(value / step) % 5 == 0
        for piece in _seen(line, inverse, sign, (width, height)):
            pixels = np.rint(piece * 8).astype(np.int32)  # OpenCV takes eighths of a pixel
            colour, thick = (_FIFTH, 2) if fifth else (_LINE, 1)
            cv2.polylines(layer, [pixels], False, colour, thick, cv2.LINE_AA, shift=3)
            if fifth and len(piece) > 1:
                labels.append((f"{'XY'[axis]} {value:g}", piece[0]))
    picture = cv2.addWeighted(image, 0.35, layer, 0.65, 0)
    for text, (x, y) in labels:
        _write(picture, text, x + 3, y - 3, _FIFTH)
    return np.asarray(picture, np.uint8), float(step)


def draw_points(
    image: ImageBGR, pixels: FloatArray, metres: FloatArray, matrix: FloatArray | None
) -> None:
    """Draw points with their numbers and metres, and where the homography maps these metres.

    Args:
        image: (H, W, 3) uint8 BGR; changed in place.
        pixels: (N, 2) clicked points.
        metres: (M, 2) positions on the ground, M <= N.
        matrix: (3, 3) homography from pixels to metres; None draws only the clicks.
    """
    if matrix is not None and len(metres):
        back = np.column_stack([metres, np.ones(len(metres))]) @ np.linalg.inv(matrix).T
        for (x, y), (meant_x, meant_y) in zip(pixels, back[:, :2] / back[:, 2:], strict=False):
            cv2.line(image, _at(x, y), _at(meant_x, meant_y), _MEANT, 2, cv2.LINE_AA)
            cv2.circle(image, _at(meant_x, meant_y), 7, _MEANT, 2, cv2.LINE_AA)
    for number, (x, y) in enumerate(pixels.tolist()):
        cv2.circle(image, _at(x, y), 4, _POINT, -1, cv2.LINE_AA)
        text = f"{number + 1}"
        if number < len(metres):
            text += f": {metres[number, 0]:g}, {metres[number, 1]:g}"
        _write(image, text, x + 9, y + 4, _LINE)


def draw_caption(image: ImageBGR, text: str) -> ImageBGR:
    """Return the image with a line of text above it."""
    strip = np.full((34, image.shape[1], 3), 40, np.uint8)
    scale = 0.55
    while scale > 0.3 and cv2.getTextSize(text, _FONT, scale, 1)[0][0] > image.shape[1] - 16:
        scale -= 0.05
    cv2.putText(strip, text, (8, 23), _FONT, scale, (240, 240, 240), 1, cv2.LINE_AA)
    return np.concatenate([strip, image])


def _ground_line(axis: int, value: float, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return (K, 2) points in metres on a line of equal X (axis 0) or equal Y (axis 1)."""
    along = np.linspace(low[1 - axis], high[1 - axis], 200)
    line = np.full((200, 2), value)
    line[:, 1 - axis] = along
    return line


def _seen(
    line: FloatArray, inverse: npt.NDArray[Any], sign: float, size: tuple[int, int]
) -> list[FloatArray]:
    """Return the visible parts of a line on the ground, (K, 2) pixels each."""
    mapped = np.column_stack([line, np.ones(len(line))]) @ inverse.T
    # Points behind the camera would appear upside down above the horizon.
    pixels = mapped[:, :2] / np.where(np.abs(mapped[:, 2:]) > 1e-12, mapped[:, 2:], np.nan)
    seen = mapped[:, 2] * sign > 0
    seen &= ((pixels >= 0) & (pixels <= np.array(size))).all(axis=1)
    places = np.flatnonzero(seen)
    pieces = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return [pixels[piece] for piece in pieces if len(piece) > 1]


def _write(image: Any, text: str, x: float, y: float, colour: Any) -> None:
    """Draw text on a dark background, inside the image."""
    (width, height), _ = cv2.getTextSize(text, _FONT, 0.42, 1)
    left = int(np.clip(x, 2, max(2, image.shape[1] - width - 2)))
    lower = int(np.clip(y, height + 2, image.shape[0] - 3))
    corners = (left - 2, lower - height - 2), (left + width + 1, lower + 3)
    cv2.rectangle(image, *corners, (30, 30, 30), -1)
    cv2.putText(image, text, (left, lower), _FONT, 0.42, colour, 1, cv2.LINE_AA)


def _at(x: float, y: float) -> tuple[int, int]:
    return int(np.clip(round(x), -30_000, 30_000)), int(np.clip(round(y), -30_000, 30_000))
