"""Keeps the best picture of each track in memory."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray
from reid_tracker.geometry import areas, clip_boxes, covered
from reid_tracker.types import FrameResult, ImageBGR, Tracks

_BETTER_BY = 1.15
"""A picture replaces the stored one only if it is better by this factor."""

_FORGET_AFTER_S = 60.0


@dataclass
class _Best:
    merit: float
    picture: bytes
    seen_s: float
    given: bool = False


class BestCrops:
    """Keeps the best picture of each track of all cameras; not a `Sink`, since it writes no files.

    The best picture is large, has a high confidence, and is not cut off by the frame's edge or
    hidden by another person. A track that is not seen for a minute is forgotten.

    Args:
        quality: JPEG quality, 1 to 100.
        most_pixels: maximum length of a picture's longer side; larger pictures are scaled down.
        most_bytes: maximum size of the JPEG file; larger ones are scaled down. None sets no limit.
    """

    def __init__(self, *, quality: int, most_pixels: int, most_bytes: int | None) -> None:
        self._quality = quality
        self._most_pixels = most_pixels
        self._most_bytes = most_bytes
        self._best: dict[tuple[str, int], _Best] = {}

    def write(self, result: FrameResult) -> None:
        """Keep each picture that is better than the stored one."""
        now_s = result.frame.timestamp_s
        tracks = result.tracks[result.tracks.observed]
        height, width = result.frame.image.shape[:2]
        boxes = clip_boxes(tracks.boxes, width, height)
        merits = merits_of(tracks, boxes)
        corners = np.rint(boxes).astype(int).tolist()
        for track, merit, (left, top, right, bottom) in zip(
            tracks.ids.tolist(), merits.tolist(), corners, strict=True
        ):
            best = self._best.get((result.camera, track))
            if best is not None:
                best.seen_s = now_s
            if left < right and top < bottom and merit > _BETTER_BY * (best.merit if best else 0):
                picture = self._encoded(result.frame.image[top:bottom, left:right])
                self._best[result.camera, track] = _Best(merit, picture, now_s)
        self._forget(result.camera, now_s)

    def take(self, camera: str, track: int) -> bytes | None:
        """Return the JPEG bytes of a track; None if already returned, or if there is no picture."""
        best = self._best.get((camera, track))
        if best is None or best.given:
            return None
        best.given = True
        return best.picture

    def forget(self, camera: str) -> None:
        """Drop all pictures of a camera."""
        self._best = {key: best for key, best in self._best.items() if key[0] != camera}

    def _forget(self, camera: str, now_s: float) -> None:
        old = [
            key
            for key, best in self._best.items()
            if key[0] == camera and now_s - best.seen_s > _FORGET_AFTER_S
        ]
        for key in old:
            del self._best[key]

    def _encoded(self, crop: ImageBGR) -> bytes:
        options = [cv2.IMWRITE_JPEG_QUALITY, self._quality]
        crop = _scaled(crop, self._most_pixels / max(crop.shape[:2]))
        while True:
            data = cv2.imencode(".jpg", np.ascontiguousarray(crop), options)[1].tobytes()
            if self._most_bytes is None or len(data) <= self._most_bytes:
                return data
            crop = _scaled(crop, 0.8)


def _scaled(image: ImageBGR, scale: float) -> ImageBGR:
    """Return the picture scaled down; unchanged if `scale` is not below 1."""
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def merits_of(tracks: Tracks, inside: Float32Array) -> FloatArray:
    """Return (M,) scores, higher for better pictures.

    Args:
        tracks: (M) observed tracks of one frame.
        inside: (M, 4) their boxes, clipped to the frame.
    """
    whole = areas(tracks.boxes)
    part_inside = areas(inside) / np.where(whole > 0, whole, 1)
    visible = (1 - covered(tracks.boxes)) * part_inside
    merits: FloatArray = (tracks.scores * visible**2 * np.sqrt(areas(inside))).astype(np.float64)
    return merits
