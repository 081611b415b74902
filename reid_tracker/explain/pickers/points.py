"""Picks ground points in a window: click a point, type its metres, check the ground grid."""

from __future__ import annotations

import cv2
import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.errors import InputError
from reid_tracker.explain.ground_picture import draw_caption, draw_ground_grid, draw_points
from reid_tracker.explain.pickers.window import show_picker
from reid_tracker.match.places.homography import MIN_POINTS, fit_homography
from reid_tracker.types import ImageBGR

_ENTER, _ESCAPE, _BACKSPACE = (10, 13), 27, (8, 127)
_TYPED = "0123456789.,- "
_CAPTION_HEIGHT = 34  # of `draw_caption`


class PointPicker:
    """Handles clicks and keys while points are picked; independent of windows.

    Attributes:
        pixels: clicked points.
        metres: their positions on the ground; the last click may not have one yet.
        typed: text typed for the last click.
        done: True after the user has finished.
        cancelled: True after the user has cancelled.
    """

    def __init__(self, image: ImageBGR) -> None:
        self._image = image
        self.pixels: list[tuple[float, float]] = []
        self.metres: list[tuple[float, float]] = []
        self.typed = ""
        self.done = self.cancelled = False
        self._hint = ""

    @property
    def waiting(self) -> bool:
        """Whether the last click still needs its metres."""
        return len(self.pixels) > len(self.metres)

    def on_mouse(self, event: int, x: int, y: int, flags: int = 0, data: object = None) -> None:
        """Handle an OpenCV mouse event; a left click adds a point or moves an unfinished one."""
        height, width = self._image.shape[:2]
        y -= _CAPTION_HEIGHT
        if event != cv2.EVENT_LBUTTONDOWN or not (0 <= x < width and 0 <= y < height):
            return
        if self.waiting:
            self.pixels[-1] = (float(x), float(y))
        else:
            self.pixels.append((float(x), float(y)))
        self._hint = ""

    def on_key(self, key: int) -> None:
        """Handle a key: digits, Enter, Backspace, f to finish, Escape to cancel."""
        if key == _ESCAPE:
            self.cancelled = True
        elif key == ord("f"):
            self._finish()
        elif key in _BACKSPACE:
            self._back()
        elif key in _ENTER:
            self._take_typed()
        elif self.waiting and 0 <= key < 128 and chr(key) in _TYPED:
            self.typed += chr(key)

    def matrix(self) -> FloatArray | None:
        """Return the homography of the points, or None if there is none yet."""
        count = len(self.metres)
        try:
            return fit_homography(np.array(self.pixels[:count]), np.array(self.metres))
        except InputError:
            return None

    def picture(self) -> ImageBGR:
        """Return the contents of the window: (H + 34, W, 3) uint8 BGR."""
        matrix = self.matrix() if len(self.metres) >= MIN_POINTS else None
        image = self._image.copy()
        if matrix is not None:
            image, _ = draw_ground_grid(image, matrix)
        pixels = np.array(self.pixels).reshape(-1, 2)
        draw_points(image, pixels, np.array(self.metres).reshape(-1, 2), matrix)
        return draw_caption(image, self._hint or self._prompt())

    def _prompt(self) -> str:
        if self.waiting:
            return f"metres of point {len(self.pixels)} as X,Y then Enter: {self.typed}_"
        more = MIN_POINTS - len(self.metres)
        if more > 0:
            return f"click a point on the ground (at least {more} more); Backspace: undo, Esc: quit"
        return "click more points, or f: finish; the grid must lie on the ground"

    def _take_typed(self) -> None:
        try:
            x, y = (float(part) for part in self.typed.replace(" ", ",").split(",") if part)
        except ValueError:
            self._hint = f"'{self.typed}' is not X,Y in metres, such as 2.5,-4"
            self.typed = ""
            return
        if self.waiting:
            self.metres.append((x, y))
        self.typed, self._hint = "", ""

    def _back(self) -> None:
        self._hint = ""
        if self.typed:
            self.typed = self.typed[:-1]
        elif self.waiting:
            self.pixels.pop()
        elif self.pixels:
            self.pixels.pop()
            self.metres.pop()

    def _finish(self) -> None:
        if self.waiting:
            self.pixels.pop()
        try:
            fit_homography(
                np.array(self.pixels).reshape(-1, 2), np.array(self.metres).reshape(-1, 2)
            )
        except InputError as error:
            self._hint = str(error)
            return
        self.done = True


def pick_points(image: ImageBGR, title: str) -> tuple[FloatArray, FloatArray]:
    """Let the user click points in a window.

    Args:
        image: the frame, (H, W, 3) uint8 BGR.
        title: title of the window.

    Returns:
        (N, 2) pixels and (N, 2) metres.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
        KeyboardInterrupt: the user has cancelled.
    """
    picker = PointPicker(image)
    show_picker(
        picker,
        title,
        'give the points with --points "x,y=X,Y ...", or a calibration with --calibration',
    )
    return np.array(picker.pixels), np.array(picker.metres)
