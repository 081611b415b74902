"""The window of a picker: where it cannot open, and what keys and clicks reach."""

from __future__ import annotations

import sys

import cv2
import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.explain.pickers.window import show_picker
from reid_tracker.types import ImageBGR


class TwoKeys:
    """Is done after two keys, cancelled by Escape."""

    def __init__(self) -> None:
        self.done = self.cancelled = False
        self.keys: list[int] = []

    def on_mouse(self, event: int, x: int, y: int, flags: int = 0, data: object = None) -> None:
        self.keys.append(x)

    def on_key(self, key: int) -> None:
        self.keys.append(key)
        self.cancelled = key == 27
        self.done = len(self.keys) > 2

    def picture(self) -> ImageBGR:
        return np.zeros((9, 9, 3), np.uint8)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Keys that a window without a screen gives one by one; -1 is none."""
    keys: list[int] = []
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "setMouseCallback", lambda _, call: call(cv2.EVENT_LBUTTONDOWN, 5, 6))
    monkeypatch.setattr(cv2, "imshow", lambda *_: None)
    monkeypatch.setattr(cv2, "waitKey", lambda _: keys.pop(0))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: None)
    return keys


def test_clicks_and_keys_reach_the_picker_until_it_is_done(window: list[int]) -> None:
    window += [-1, ord("a"), 0x100000 + ord("b"), ord("c")]
    picker = TwoKeys()
    show_picker(picker, "door", "")
    assert picker.keys == [5, ord("a"), ord("b")]
    assert window == [ord("c")]


def test_escape_and_a_closed_window_interrupt(
    window: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    window.append(27)
    with pytest.raises(KeyboardInterrupt):
        show_picker(TwoKeys(), "door", "")
    window.append(-1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: 0.0)
    with pytest.raises(KeyboardInterrupt):
        show_picker(TwoKeys(), "door", "")


def test_without_a_screen_or_windows_the_message_says_what_to_do(
    window: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise cv2.error("not implemented")

    monkeypatch.setattr(cv2, "namedWindow", fail)
    with pytest.raises(OutputError, match=r"no window support; .* or use a pencil"):
        show_picker(TwoKeys(), "door", "use a pencil")
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OutputError, match=r"DISPLAY is not set.; use a pencil"):
        show_picker(TwoKeys(), "door", "use a pencil")
