"""The layout of many cameras' pictures on one canvas, with a name strip above each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from reid_tracker.types import ImageBGR

MOST_WIDTH, MOST_HEIGHT = 1920, 1080
STRIP = 30
"""Height of the strip above a picture, pixels."""

_UNKNOWN = (1280, 720)
_GAP = 4
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_BACKGROUND = (24, 24, 24)
_STRIP_COLOUR = (52, 46, 42)
_TEXT, _FAINT, _ENDED = (240, 240, 240), (170, 170, 170), (90, 170, 255)


@dataclass(frozen=True)
class Tile:
    """A rectangle of the canvas in pixels: a strip with a name, and the picture below it."""

    left: int
    top: int
    width: int
    height: int

    def picture(self, canvas: ImageBGR) -> ImageBGR:
        """Return the part of the canvas below the strip, to be drawn on."""
        top = self.top + STRIP
        return canvas[top : self.top + self.height, self.left : self.left + self.width]

    def head(self, canvas: ImageBGR) -> ImageBGR:
        """Return the strip, to be drawn on."""
        bottom = self.top + STRIP
        return canvas[self.top : bottom, self.left : self.left + self.width]


@dataclass(frozen=True)
class Layout:
    """The size of the canvas (even numbers) and a tile for each picture, in order."""

    width: int
    height: int
    tiles: tuple[Tile, ...]

    def blank(self) -> ImageBGR:
        """Return an empty canvas, (H, W, 3) uint8 BGR."""
        canvas: ImageBGR = np.full((self.height, self.width, 3), _BACKGROUND, np.uint8)
        return canvas


def arrange(sizes: Sequence[tuple[int, int]], extra: bool = False) -> Layout:
    """Choose the grid that shows the pictures as large as possible on a 1920 x 1080 screen.

    Args:
        sizes: width and height of each camera's picture, pixels; at least one. A network camera
            that has not delivered a picture yet has 0 x 0.
        extra: add a last tile, which fills the rest of the last row.
    """
    sizes = [size if all(size) else _UNKNOWN for size in sizes]
    aspect = float(np.median([width / height for width, height in sizes]))
    largest = max(width for width, _ in sizes)
    count = len(sizes) + extra

    def cell_width(columns: int) -> float:
        rows = -(-count // columns)
        by_width = (MOST_WIDTH - (columns + 1) * _GAP) / columns
        by_height = ((MOST_HEIGHT - _GAP) / rows - _GAP - STRIP) * aspect
        return min(by_width, by_height, largest)

    columns = max(range(1, count + 1), key=lambda columns: (round(cell_width(columns)), -columns))
    width = max(16, int(cell_width(columns)))
    height = STRIP + max(16, round(width / aspect))
    tiles = [
        Tile(
            _GAP + number % columns * (width + _GAP),
            _GAP + number // columns * (height + _GAP),
            width,
            height,
        )
        for number in range(count)
    ]
    whole = _GAP + columns * (width + _GAP)
    if extra:
        last = tiles[-1]
        tiles[-1] = Tile(last.left, last.top, whole - _GAP - last.left, last.height)
    rows = -(-count // columns)
    total = _GAP + rows * (height + _GAP)
    return Layout(whole + whole % 2, total + total % 2, tuple(tiles))


def label(strip: ImageBGR, name: str, note: str, *, ended: bool = False) -> None:
    """Write a camera's name, cut to fit, at the left of a strip and a note at its right.

    Args:
        strip: (STRIP, W, 3) uint8 BGR; drawn over.
        name: the camera's name.
        note: for example the time.
        ended: show the note in the colour of cameras that have ended.
    """
    strip[:] = _STRIP_COLOUR
    width = strip.shape[1]
    scale, thick, line = 0.55, 1, cv2.LINE_AA
    room = width - 16
    if note:
        (size, _), _ = cv2.getTextSize(note, _FONT, scale, thick)
        colour = _ENDED if ended else _FAINT
        if size < room:
            cv2.putText(strip, note, (width - 8 - size, 21), _FONT, scale, colour, thick, line)
            room -= size + 12
    while name and cv2.getTextSize(name, _FONT, scale, thick)[0][0] > room:
        name = name[:-1]
    cv2.putText(strip, name, (8, 21), _FONT, scale, _TEXT, thick, line)


def placed(image: ImageBGR, tile: Tile) -> tuple[int, int, int, int, float]:
    """Return left, top, width, height and scale of a picture that fills a tile, centred."""
    height, width = tile.height - STRIP, tile.width
    scale = min(width / image.shape[1], height / image.shape[0])
    new_width = min(width, max(1, round(image.shape[1] * scale)))
    new_height = min(height, max(1, round(image.shape[0] * scale)))
    return (width - new_width) // 2, (height - new_height) // 2, new_width, new_height, scale


def say(picture: ImageBGR, text: str) -> None:
    """Darken a picture and write a text in its middle."""
    picture[:] = picture // 3
    scale = max(0.5, picture.shape[1] / 900)
    thick = max(1, round(2 * scale))
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, thick)
    x, y = (picture.shape[1] - width) // 2, (picture.shape[0] + height) // 2
    edge = height // 2 + 4
    corners = (x - edge, y - height - edge), (x + width + edge, y + edge)
    cv2.rectangle(picture, *corners, _BACKGROUND, -1)
    cv2.putText(picture, text, (x, y), _FONT, scale, _TEXT, thick, cv2.LINE_AA)


def clock(seconds: float) -> str:
    """Format a time as minutes, seconds and tenths, with hours if there are any."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(max(tenths, 0), 600)
    hours, minutes = divmod(minutes, 60)
    text = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{text}" if hours else text
