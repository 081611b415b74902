"""Draws lines and zones in a window: click their points, type their names."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from reid_tracker.errors import ConfigError
from reid_tracker.explain.ground_picture import draw_caption
from reid_tracker.explain.pickers.window import show_picker
from reid_tracker.sink.counts.draw import draw_line, draw_zone
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone
from reid_tracker.types import ImageBGR

_ENTER, _ESCAPE, _BACKSPACE = (10, 13), 27, (8, 127)
_CAPTION_HEIGHT = 34  # of `draw_caption`
_POINT = (60, 60, 255)


class PlacePicker:
    """Handles clicks and keys while lines and zones are drawn; independent of windows.

    Attributes:
        places: finished lines and zones, the last one last.
        kind: kind of the current place; None between two places.
        points: points of the current place.
        naming: whether the user is typing its name.
        typed: text typed for the name.
        done: True after the user has finished.
        cancelled: True after the user has cancelled.
    """

    def __init__(self, image: ImageBGR, camera: str, places: CountingPlaces) -> None:
        self._image = image
        self._camera = camera
        self.places: list[CountingLine | CountingZone] = list(places)
        self.kind: Literal["line", "zone"] | None = None
        self.points: list[tuple[float, float]] = []
        self.naming = self.done = self.cancelled = False
        self.typed = ""
        self._mouse: tuple[int, int] | None = None
        self._hint = ""

    def on_mouse(self, event: int, x: int, y: int, flags: int = 0, data: object = None) -> None:
        """Handle an OpenCV mouse event; a left click adds a point."""
        height, width = self._image.shape[:2]
        y -= _CAPTION_HEIGHT
        if not (0 <= x < width and 0 <= y < height):
            return
        self._mouse = (x, y)
        if event != cv2.EVENT_LBUTTONDOWN or self.kind is None or self.naming:
            return
        self._hint = ""
        self.points.append((float(x), float(y)))
        self.naming = self.kind == "line" and len(self.points) == 2

    def on_key(self, key: int) -> None:
        """Handle a key: l, z, s and f between places, a name, Enter, Backspace, Escape."""
        self._hint = ""
        if key == _ESCAPE:
            self.cancelled = True
        elif key in _BACKSPACE:
            self._back()
        elif key in _ENTER:
            self._enter()
        elif self.naming:
            self.typed += chr(key) if 32 <= key < 127 else ""
        elif self.kind is None:
            self._command(chr(key) if 0 <= key < 128 else "")

    def found(self) -> CountingPlaces:
        """Return the finished lines and zones."""
        return CountingPlaces(
            tuple(place for place in self.places if isinstance(place, CountingLine)),
            tuple(place for place in self.places if isinstance(place, CountingZone)),
        )

    def picture(self) -> ImageBGR:
        """Return the contents of the window: (H + 34, W, 3) uint8 BGR."""
        image = draw_places(self._image, self.found())
        ahead = [] if self._mouse is None or self.naming else [self._mouse]
        path = np.rint([*self.points, *ahead]).astype(np.int32)
        if self.points:
            cv2.polylines(image, [path], self.kind == "zone", _POINT, 1, cv2.LINE_AA)
        for x, y in self.points:
            cv2.circle(image, (round(x), round(y)), 4, _POINT, -1, cv2.LINE_AA)
        return draw_caption(image, self._hint or self._prompt())

    def _prompt(self) -> str:
        if self.naming:
            return f"name of the {self.kind}, then Enter: {self.typed or self._default()}_"
        if self.kind == "line":
            return f"click the {('first', 'second')[len(self.points)]} end; Backspace: undo"
        if self.kind == "zone":
            return f"click corners ({len(self.points)}), then Enter; Backspace: undo"
        swap = "s: swap its sides, " if self._last_line() else ""
        return f"l: line, z: zone, {swap}Backspace: remove the last, f: finish, Esc: quit"

    def _command(self, letter: str) -> None:
        if letter == "l":
            self.kind = "line"
        elif letter == "z":
            self.kind = "zone"
        elif letter == "f":
            self.done = True
        elif letter == "s" and (line := self._last_line()):
            self.places[-1] = CountingLine(line.name, line.camera, line.end, line.start)

    def _last_line(self) -> CountingLine | None:
        last = self.places[-1] if self.places else None
        return last if isinstance(last, CountingLine) else None

    def _enter(self) -> None:
        if self.naming:
            self._add(self.typed.strip() or self._default())
        elif self.kind == "zone" and len(self.points) >= 3:
            self.naming = True
        elif self.kind == "zone":
            self._hint = "a zone needs at least 3 corners: click more"

    def _add(self, name: str) -> None:
        """Finish the current place."""
        if any(place.name == name for place in self.places):
            self._hint, self.typed = f"'{name}' is there already: type another name", ""
            return
        try:
            if self.kind == "line":
                self.places.append(CountingLine(name, self._camera, *self.points))
            else:
                self.places.append(CountingZone(name, self._camera, tuple(self.points)))
        except ConfigError as error:
            self._hint = str(error)
        self.kind, self.points = None, []
        self.naming, self.typed = False, ""

    def _default(self) -> str:
        names = {place.name for place in self.places}
        return next(
            name
            for number in range(1, len(names) + 2)
            if (name := f"{self.kind} {number}") not in names
        )

    def _back(self) -> None:
        """Remove the last letter, point or place."""
        if self.typed:
            self.typed = self.typed[:-1]
        elif self.points:
            self.naming = False
            self.points.pop()
        elif self.kind is not None:
            self.kind = None
        elif self.places:
            self.places.pop()


def draw_places(image: ImageBGR, places: CountingPlaces) -> ImageBGR:
    """Return a copy of a frame, (H, W, 3) uint8 BGR, with lines and zones and their names."""
    drawn = image.copy()
    for zone in places.zones:
        draw_zone(drawn, zone, zone.name)
    for line in places.lines:
        draw_line(drawn, line, line.name)
    return drawn


def pick_places(image: ImageBGR, camera: str, places: CountingPlaces, title: str) -> CountingPlaces:
    """Let the user draw lines and zones in a window.

    Args:
        image: the frame, (H, W, 3) uint8 BGR.
        camera: the frame's camera.
        places: the camera's existing lines and zones.
        title: title of the window.

    Raises:
        OutputError: there is no screen, or OpenCV was built without windows.
        KeyboardInterrupt: the user has cancelled.
    """
    picker = PlacePicker(image, camera, places)
    show_picker(picker, title, "give them with --line NAME=X1,Y1,X2,Y2 and --zone NAME=X1,Y1,...")
    return picker.found()
