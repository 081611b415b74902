"""A window in which the user clicks on a picture, until it is done or cancelled."""

from __future__ import annotations

import os
import sys
from typing import Protocol

import cv2

from reid_tracker.errors import OutputError
from reid_tracker.types import ImageBGR


class Picker(Protocol):
    """Handles clicks and keys; independent of windows.

    Attributes:
        done: True after the user has finished.
        cancelled: True after the user has cancelled.
    """

    done: bool
    cancelled: bool

    def on_mouse(self, event: int, x: int, y: int, flags: int = 0, data: object = None) -> None:
        """Handle an OpenCV mouse event."""

    def on_key(self, key: int) -> None:
        """Handle a key."""

    def picture(self) -> ImageBGR:
        """Return the contents of the window, (H, W, 3) uint8 BGR."""
        ...


def show_picker(picker: Picker, title: str, instead: str) -> None:
    """Show a picker in a window until the user has finished.

    Args:
        picker: handles the input; changed in place.
        title: the window's title.
        instead: what to do without a window, as the end of an error message.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
        KeyboardInterrupt: the user has cancelled.
    """
    # Without a screen, OpenCV's window toolkit would end the process.
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        raise OutputError(
            f"cannot open a window: there is no screen (DISPLAY is not set); {instead}"
        )
    try:
        cv2.namedWindow(title, cv2.WINDOW_AUTOSIZE)
        cv2.setMouseCallback(title, picker.on_mouse)
        while not (picker.done or picker.cancelled):
            cv2.imshow(title, picker.picture())
            key = cv2.waitKey(30)
            if key >= 0:
                picker.on_key(key & 0xFF)
            if cv2.getWindowProperty(title, cv2.WND_PROP_VISIBLE) < 1:
                picker.cancelled = True
        cv2.destroyAllWindows()
    except cv2.error:
        raise OutputError(
            "cannot open a window: this OpenCV has no window support; install opencv-python "
            f"instead of opencv-python-headless, or {instead}"
        ) from None
    if picker.cancelled:
        raise KeyboardInterrupt
