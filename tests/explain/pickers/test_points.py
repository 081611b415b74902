"""Picking points: clicks and keys as a person makes them, and a real window where there can be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.explain.pickers.points import PointPicker, pick_points
from reid_tracker.match.places.homography import apply_homography

IMAGE = np.full((240, 320, 3), 60, np.uint8)
CORNERS = {(60, 200): "0,0", (260, 200): "4,0", (210, 90): "4,6", (110, 90): "0,6"}
STRIP = 34


def click(picker: PointPicker, x: int, y: int) -> None:
    picker.on_mouse(cv2.EVENT_LBUTTONDOWN, x, y + STRIP)


def type_in(picker: PointPicker, text: str) -> None:
    for letter in text:
        picker.on_key(ord(letter))


def picked(count: int = 4) -> PointPicker:
    picker = PointPicker(IMAGE)
    for (x, y), metres in list(CORNERS.items())[:count]:
        click(picker, x, y)
        type_in(picker, f"{metres}\r")
    return picker


def test_clicks_and_metres_make_a_homography() -> None:
    picker = picked()
    assert picker.pixels == [(60, 200), (260, 200), (210, 90), (110, 90)]
    assert picker.metres == [(0, 0), (4, 0), (4, 6), (0, 6)]
    matrix = picker.matrix()
    assert matrix is not None
    found = apply_homography(matrix, np.array(picker.pixels))
    np.testing.assert_allclose(found, picker.metres, atol=1e-9)
    picker.on_key(ord("f"))
    assert picker.done


def test_finishing_too_early_says_what_is_missing() -> None:
    picker = picked(3)
    picker.on_key(ord("f"))
    assert not picker.done
    assert "expected at least 4" in picker._hint
    click(picker, 110, 90)
    assert picker._hint == ""


def test_metres_that_are_none_are_asked_for_again() -> None:
    picker = PointPicker(IMAGE)
    click(picker, 5, 5)
    type_in(picker, "1,2,3\r")
    assert picker.waiting
    assert "'1,2,3' is not X,Y" in picker._hint
    type_in(picker, "x-1.5 , 2\r")  # other letters are not taken
    assert picker.metres == [(-1.5, 2.0)]


def test_a_second_click_moves_the_point_and_backspace_takes_back() -> None:
    picker = picked(2)
    click(picker, 10, 10)
    click(picker, 20, 20)
    assert picker.pixels[2:] == [(20, 20)]
    type_in(picker, "12")
    picker.on_key(8)
    assert picker.typed == "1"
    picker.on_key(8)
    picker.on_key(8)
    assert len(picker.pixels) == 2
    picker.on_key(127)
    assert picker.pixels == [(60, 200)]
    assert picker.metres == [(0, 0)]
    for _ in range(5):
        picker.on_key(8)
    assert picker.pixels == []


def test_what_is_outside_the_picture_or_no_click_sets_nothing() -> None:
    picker = PointPicker(IMAGE)
    picker.on_mouse(cv2.EVENT_LBUTTONDOWN, 5, STRIP - 1)
    click(picker, 320, 5)
    picker.on_mouse(cv2.EVENT_MOUSEMOVE, 50, 100)
    assert picker.pixels == []
    picker.on_key(27)
    assert picker.cancelled


def test_the_grid_appears_with_the_fourth_point() -> None:
    def changed(picker: PointPicker) -> float:
        shown = picker.picture()[STRIP:]
        assert shown.shape == IMAGE.shape
        return float((shown != IMAGE).any(axis=2).mean())

    assert changed(picked(4)) > 3 * changed(picked(3))


def test_without_a_screen_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OutputError, match="--points"):
        pick_points(IMAGE, "door")


_IN_A_WINDOW = """
import cv2, numpy as np
from reid_tracker.explain.pickers import points as point_picker
from tests.explain.pickers.test_points import CORNERS, IMAGE, STRIP
real_wait, real_set, script, mouse = cv2.waitKey, cv2.setMouseCallback, [], []
for (x, y), metres in CORNERS.items():
    script += [(x, y), *map(ord, metres), 13]
script.append(ord("f"))
def wait(delay):
    key = real_wait(1)
    step = script.pop(0)
    if isinstance(step, tuple):
        mouse[0](cv2.EVENT_LBUTTONDOWN, step[0], step[1] + STRIP, 0, None)
        return key
    return step
def keep(title, callback):
    mouse.append(callback)
    real_set(title, callback)
cv2.waitKey, cv2.setMouseCallback = wait, keep
pixels, metres = point_picker.pick_points(IMAGE, "door")
print(pixels.tolist(), metres.tolist())
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="needs xvfb-run, a screen of its own")
def test_a_real_window(tmp_path: Path) -> None:
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", _IN_A_WINDOW],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = f"{[[float(x), float(y)] for x, y in CORNERS]} "
    expected += f"{[[float(n) for n in metres.split(',')] for metres in CORNERS.values()]}"
    assert done.stdout.strip().splitlines()[-1] == expected
