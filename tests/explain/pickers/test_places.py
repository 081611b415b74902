"""Drawing lines and zones: clicks and keys as a person makes them, and a real window."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.explain.pickers.places import PlacePicker, draw_places
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone

IMAGE = np.full((240, 320, 3), 60, np.uint8)
STRIP = 34


def picker(*places: CountingLine) -> PlacePicker:
    return PlacePicker(IMAGE, "hall", CountingPlaces(places))


def click(picker: PlacePicker, *points: tuple[int, int]) -> None:
    for x, y in points:
        picker.on_mouse(cv2.EVENT_LBUTTONDOWN, x, y + STRIP)


def press(picker: PlacePicker, text: str) -> None:
    for letter in text:
        picker.on_key(ord(letter))


def test_a_line_and_a_zone_with_names() -> None:
    one = picker()
    press(one, "l")
    click(one, (10, 20), (30, 40))
    assert one.naming
    press(one, "zl f\r")  # letters of a name are no commands
    press(one, "z")
    click(one, (1, 2), (100, 2), (100, 90), (1, 90))
    press(one, "\rshop\r")
    press(one, "f")
    assert one.done
    assert one.found() == CountingPlaces(
        (CountingLine("zl f", "hall", (10, 20), (30, 40)),),
        (CountingZone("shop", "hall", ((1, 2), (100, 2), (100, 90), (1, 90))),),
    )


def test_names_have_defaults_and_are_there_once() -> None:
    one = picker(CountingLine("line 1", "hall", (1, 2), (3, 4)))
    press(one, "l")
    click(one, (10, 20), (30, 40))
    assert "line 2" in one._prompt()
    press(one, "line 1\r")
    assert "'line 1' is there already" in one._hint
    press(one, "\r")
    assert [place.name for place in one.places] == ["line 1", "line 2"]


def test_clicks_between_places_and_outside_do_nothing() -> None:
    one = picker()
    click(one, (10, 20))
    press(one, "l")
    click(one, (320, 20), (10, 240))
    one.on_mouse(cv2.EVENT_LBUTTONDOWN, 5, STRIP - 1)
    one.on_mouse(cv2.EVENT_MOUSEMOVE, 50, 100)
    assert one.points == []
    one.on_key(27)
    assert one.cancelled


def test_backspace_takes_back_letters_points_and_places() -> None:
    one = picker(CountingLine("gate", "hall", (1, 2), (3, 4)))
    press(one, "l")
    click(one, (10, 20), (30, 40))
    press(one, "ab\b\b\b")
    assert (one.points, one.naming) == ([(10, 20)], False)
    click(one, (50, 60))
    press(one, "\x7f\b\b")
    assert (one.points, one.kind) == ([], None)
    press(one, "\b\b")
    assert one.places == []


def test_a_zone_needs_three_corners_and_a_line_two_different_ends() -> None:
    one = picker()
    press(one, "z")
    click(one, (1, 2), (100, 2))
    press(one, "\r")
    assert "at least 3 corners" in one._hint
    click(one, (50, 90))
    press(one, "\r\r")
    press(one, "l")
    click(one, (9, 9), (9, 9))
    press(one, "\r")
    assert "1 different points" in one._hint
    assert [place.name for place in one.places] == ["zone 1"]


def test_s_swaps_the_sides_of_the_last_line() -> None:
    one = picker(CountingLine("gate", "hall", (1, 2), (3, 4)))
    assert "s: swap" in one._prompt()
    press(one, "s")
    assert one.places == [CountingLine("gate", "hall", (3, 4), (1, 2))]


def test_the_picture_shows_what_is_drawn() -> None:
    one = picker(CountingLine("gate", "hall", (20, 200), (300, 200)))
    before = one.picture()[STRIP:]
    assert before[200, 30].tolist() == [0, 215, 255]
    assert (before[40:100] == 60).all()
    press(one, "z")
    click(one, (50, 50), (100, 50))
    one.on_mouse(cv2.EVENT_MOUSEMOVE, 100, 90 + STRIP)
    after = one.picture()[STRIP:]
    assert (after[70, 95:105] != 60).any()  # the side that follows the mouse
    assert (IMAGE == 60).all()


def test_the_preview_has_every_place() -> None:
    zone = CountingZone("shop", "hall", ((10, 100), (100, 100), (100, 200)))
    line = CountingLine("gate", "hall", (150, 100), (150, 230))
    drawn = draw_places(IMAGE, CountingPlaces((line,), (zone,)))
    assert (drawn[120, 80] != 60).any()
    assert drawn[220, 150, 2] - drawn[220, 150, 0] > 200


_IN_A_WINDOW = """
import cv2
from reid_tracker.explain.pickers.places import pick_places
from reid_tracker.sink.counts.places import CountingPlaces
from tests.explain.pickers.test_places import IMAGE, STRIP
real_wait, real_set, mouse = cv2.waitKey, cv2.setMouseCallback, []
script = [ord("l"), (10, 20), (30, 40), *map(ord, "gate"), 13, ord("f")]
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
print(pick_places(IMAGE, "hall", CountingPlaces(), "zones").lines)
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="needs xvfb-run, a screen of its own")
def test_a_real_window() -> None:
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
    expected = (CountingLine("gate", "hall", (10.0, 20.0), (30.0, 40.0)),)
    assert done.stdout.strip().splitlines()[-1] == str(expected)
