"""A picture of where people were: warm colours where they spent more time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, create_file
from reid_tracker.types import FrameResult, ImageBGR

_LONGEST_SIDE = 1280
_CELL = 4  # side of a cell, pixels of the picture
_MOST_FRAMES = 15  # frames kept for the background
_LONGEST_S = 1.0  # a longer pause counts as this long
_SPREAD = 0.02  # blur of each foot point, times the picture's height
_SPOT = 0.05  # side of the legend's square, times the picture's height
_FONT = cv2.FONT_HERSHEY_SIMPLEX


class HeatMapSink(BaseSink):
    """Draws a PNG when the camera ends: the time that people's feet spent at each place.

    The background is the median of up to 15 frames, which removes walking people. Memory is
    bounded: one number per 4x4 pixels, and these frames, scaled to at most 1280 pixels.

    supervision's HeatMapAnnotator is not used: it blurs a whole frame at each call.

    Args:
        path: the file, ending in .png.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__(path)
        # Reserves the name, so that an error shows now rather than after hours.
        create_file(path, overwrite).close()
        self._seconds: Float32Array | None = None
        self._scale = 1.0
        self._time_s = 0.0
        self._frames: list[ImageBGR] = []
        self._every, self._offered = 1, 0

    def write(self, result: FrameResult) -> None:
        """Add the time since the last frame at each person's position."""
        image, time_s = result.frame.image, result.frame.timestamp_s
        if self._seconds is None:
            self._scale = min(1.0, _LONGEST_SIDE / max(image.shape[:2]))
            height, width = (int(side * self._scale) // _CELL + 1 for side in image.shape[:2])
            self._seconds = np.zeros((height, width), np.float32)
            self._time_s = time_s
        step_s = min(max(time_s - self._time_s, 0.0), _LONGEST_S)
        self._time_s = time_s
        boxes = result.tracks.boxes
        feet = np.stack([boxes[:, 3], boxes[:, [0, 2]].mean(axis=1)]) * (self._scale / _CELL)
        rows, columns = feet.astype(np.int64)
        height, width = self._seconds.shape
        inside = (feet >= 0).all(axis=0) & (rows < height) & (columns < width)
        np.add.at(self._seconds, (rows[inside], columns[inside]), np.float32(step_s))
        self._keep(image)

    def _keep(self, image: ImageBGR) -> None:
        """Keep every n-th frame; when there are too many, n doubles."""
        if self._offered % self._every == 0:
            self._frames.append(_scaled(image, self._scale))
            if len(self._frames) > _MOST_FRAMES:
                del self._frames[1::2]
                self._every *= 2
        self._offered += 1

    def _finish(self) -> None:
        """Draw the picture; without any frame, leave no file."""
        try:
            if self._seconds is None:
                self.path.unlink(missing_ok=True)
                return
            shape = self._frames[0].shape
            stack = np.stack([frame for frame in self._frames if frame.shape == shape])
            median = np.sort(stack, axis=0)[len(stack) // 2]
            data = cv2.imencode(".png", heat_map(median, self._seconds))[1].tobytes()
            self.path.write_bytes(data)
        except OSError as error:
            raise cannot_write(self.path, error) from None


def heat_map(background: ImageBGR, seconds: Float32Array) -> ImageBGR:
    """Return a picture with heat and a legend.

    Args:
        background: (H, W, 3) uint8 BGR; not changed.
        seconds: (h, w) person-seconds in each cell of 4x4 pixels.
    """
    height, width = background.shape[:2]
    spread = cv2.GaussianBlur(seconds, (0, 0), max(1.0, _SPREAD * height / _CELL))
    side = max(1, round(_SPOT * height))
    spot_s = cv2.resize(spread, (width, height), interpolation=cv2.INTER_LINEAR)
    spot_s *= (side / _CELL) ** 2
    most_s = max(float(spot_s.max()), 1e-6)
    heat = np.sqrt(spot_s / most_s)  # else a place where a person stood would hide all paths
    colours = cv2.applyColorMap(np.rint(255 * heat).astype(np.uint8), cv2.COLORMAP_TURBO)
    share = 0.75 * np.clip(heat / 0.25, 0, 1)[..., None]
    picture: ImageBGR = np.rint(background * (1 - share) + colours * share).astype(np.uint8)
    _legend(picture, f"{most_s:.3g} s", f"person-seconds in a square of {side} pixels")
    return picture


def _legend(picture: ImageBGR, most: str, text: str) -> None:
    """Draw the colour scale in the lower left corner."""
    height = picture.shape[0]
    bar_width, bar_height, left, top = 160, 10, 10, height - 22
    (text_width, _), _ = cv2.getTextSize(text, _FONT, 0.4, 1)
    cv2.rectangle(picture, (0, top - 24), (max(250, text_width + 20), height), (30, 30, 30), -1)
    steps = np.rint(255 * np.sqrt(np.linspace(0, 1, bar_width))).astype(np.uint8)
    bar = cv2.applyColorMap(np.repeat(steps[None], bar_height, axis=0), cv2.COLORMAP_TURBO)
    bar = bar[:, : picture.shape[1] - left]
    picture[top : top + bar_height, left : left + bar.shape[1]] = bar
    for what, x, y in ((text, left, top - 8), (f"0 to {most}", left + bar_width + 8, top + 9)):
        cv2.putText(picture, what, (x, y), _FONT, 0.4, (240, 240, 240), 1, cv2.LINE_AA)


def _scaled(image: ImageBGR, scale: float) -> ImageBGR:
    if scale == 1:
        return image.copy()
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
