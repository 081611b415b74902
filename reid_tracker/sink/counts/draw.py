"""Draws lines and zones with their counts onto a picture."""

from __future__ import annotations

import cv2
import numpy as np

from reid_tracker.sink.counts.places import CountingLine, CountingZone
from reid_tracker.types import ImageBGR

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LINE, _ZONE, _PAPER, _INK = (0, 215, 255), (255, 180, 60), (30, 30, 30), (255, 255, 255)


def draw_line(scene: ImageBGR, line: CountingLine, text: str, scale: float = 1.0) -> None:
    """Draw a line with an arrow towards "in" and a text at its end.

    Args:
        scene: (H, W, 3) uint8 BGR; changed in place.
        line: in pixels of the frame.
        text: for example its name and counts.
        scale: pixels of the scene per pixel of the frame.
    """
    ends = np.array(line.points) * scale
    thick = _thickness(scene)
    cv2.line(scene, _at(ends[0]), _at(ends[1]), _LINE, thick, cv2.LINE_AA)
    along = ends[1] - ends[0]
    left = np.array([along[1], -along[0]]) / np.hypot(*along)
    middle, reach = ends.mean(axis=0), min(scene.shape[:2]) / 20
    tip = middle + reach * left
    cv2.arrowedLine(scene, _at(middle), _at(tip), _LINE, thick, cv2.LINE_AA, tipLength=0.4)
    _write(scene, text, ends[ends[:, 1].argmin()], _LINE)


def draw_zone(scene: ImageBGR, zone: CountingZone, text: str, scale: float = 1.0) -> None:
    """Draw a tinted area and a text at its top; the arguments are as in `draw_line`."""
    points = np.array(zone.points) * scale
    pixels = np.rint(points).astype(np.int32)
    left, top = np.maximum(pixels.min(axis=0), 0)
    right, bottom = pixels.max(axis=0) + 1
    part = scene[top:bottom, left:right]
    tinted = part.copy()
    cv2.fillPoly(tinted, [pixels - (left, top)], _ZONE)
    part[:] = cv2.addWeighted(part, 0.8, tinted, 0.2, 0)
    cv2.polylines(scene, [pixels], True, _ZONE, _thickness(scene), cv2.LINE_AA)
    _write(scene, text, points[points[:, 1].argmin()], _ZONE)


def _thickness(scene: ImageBGR) -> int:
    return max(1, round(int(min(scene.shape[:2])) / 300))


def _at(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int).tolist()
    return x, y


def _write(scene: ImageBGR, text: str, point: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Write a text centred above a point, inside the picture."""
    scale = max(0.4, min(scene.shape[:2]) / 1200)
    thick = max(1, round(scale * 1.7))
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thick)
    pad = max(3, height // 3)
    x = int(np.clip(point[0] - width / 2, pad, max(pad, scene.shape[1] - width - pad)))
    y = int(np.clip(point[1] - pad, height + pad, scene.shape[0] - pad))
    box = (x - pad, y - height - pad), (x + width + pad, y + pad)
    cv2.rectangle(scene, *box, _PAPER, -1)
    cv2.rectangle(scene, *box, colour, 1)
    cv2.putText(scene, text, (x, y), _FONT, scale, _INK, thick, cv2.LINE_AA)
