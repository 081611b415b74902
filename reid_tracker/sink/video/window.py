"""A live window on the screen; closing it or pressing q ends only the display, not the run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2

from reid_tracker.errors import OutputError
from reid_tracker.sink.base import BaseSink
from reid_tracker.types import FrameResult, ImageBGR

_KEYS_TO_CLOSE = {ord("q"), 27}  # 27 is Escape


class WindowSink(BaseSink):
    """Shows every result in a window.

    Args:
        title: the window's title.
        draw: makes the picture to show, (H, W, 3) uint8 BGR.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
    """

    def __init__(self, title: str, draw: Callable[[FrameResult], ImageBGR]) -> None:
        super().__init__(Path(title))
        self._title = title
        self._draw = draw
        # OpenCV's window toolkit kills the process if there is no screen, so check first.
        no_screen = sys.platform.startswith("linux") and not (
            os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        )
        try:
            if no_screen:
                raise OutputError(
                    "cannot open a window: there is no screen (DISPLAY is not set); leave out "
                    "--show and watch the written video"
                )
            cv2.namedWindow(title, cv2.WINDOW_NORMAL)
        except cv2.error:
            raise OutputError(
                "cannot open a window: this OpenCV has no window support; install opencv-python "
                "in place of opencv-python-headless, or leave out --show"
            ) from None

    def write(self, result: FrameResult) -> None:
        """Show one frame, unless the window was closed."""
        if self._closed:
            return
        cv2.imshow(self._title, self._draw(result))
        key = cv2.waitKey(1) & 0xFF
        if key in _KEYS_TO_CLOSE or cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self.close()

    def _finish(self) -> None:
        with suppress(cv2.error):  # the user may have closed it first
            cv2.destroyWindow(self._title)
