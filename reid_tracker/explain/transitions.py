"""Transitions between cameras: a matrix of people with their travel times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_tracker.explain.sheet import GREY, NORMAL, SMALL, Sheet, line_height
from reid_tracker.explain.transit_times import duration
from reid_tracker.match import Sighting, Transit, transits

_CELL = (170, 92)  # width, height
_LEFT, _TOP = 130, 60
_MOST_CAMERAS = 12
_CAPTION = (
    "Row: the camera that saw a person first; column: the next camera that saw the person. Large "
    "number: different people. Below: the median time between leaving one view and entering the "
    "other, and the number of transitions where both cameras saw the person at once. The grey "
    "diagonal counts people who returned to the same camera or were lost and found again."
)
_INK = "#1a1a1a"


def transition_sheet(
    sightings: Sequence[Sighting], cameras: Sequence[str], *, title: str = "From camera to camera"
) -> Sheet:
    """Draw the matrix; darker cells mean more people.

    Args:
        sightings: sightings in any order; identity 0 is ignored.
        cameras: names in the order of rows and columns; only the first twelve are shown.
        title: title of the sheet.
    """
    shown = list(cameras)[:_MOST_CAMERAS]
    by_pair = {(item.source, item.target): item for item in transits(sightings)}
    left_out = len(cameras) - len(shown)
    caption = _CAPTION + (f" {left_out} more cameras are not shown." if left_out else "")
    width, height = _CELL
    size = len(shown)
    sheet = Sheet(max(_LEFT + size * width, 560), _TOP + size * height + 8, title, caption)
    most = max((w.people for (a, b), w in by_pair.items() if a != b), default=1)
    sheet.text(_LEFT, 0, "to", size=NORMAL, bold=True)
    sheet.text(0, _TOP - 26, "from", size=NORMAL, bold=True)
    for number, camera in enumerate(shown):
        name = camera if len(camera) <= 15 else f"{camera[:14]}\u2026"
        sheet.text(_LEFT + (number + 0.5) * width, _TOP - 26, name, align="center", bold=True)
        y = _TOP + (number + 0.5) * height - line_height(NORMAL) / 2
        sheet.text(_LEFT - 12, y, name, align="right", bold=True)
    for row, source in enumerate(shown):
        for column, target in enumerate(shown):
            x, y = _LEFT + column * width, _TOP + row * height
            _draw_cell(sheet, x, y, by_pair.get((source, target)), most, same=row == column)
    return sheet


def _draw_cell(sheet: Sheet, x: int, y: int, way: Transit | None, most: int, *, same: bool) -> None:
    """Draw one cell: shade, number of people and times."""
    width, height = _CELL
    colour = _shade(way.people / most if way is not None else 0.0, same=same)
    cell = np.full((height - 4, width - 4, 3), colour[::-1], np.uint8)
    sheet.paste(x + 2, y + 2, cell)
    middle = x + width / 2
    if way is None:
        sheet.text(middle, y + height / 2 - 9, "nobody", size=SMALL, colour=GREY, align="center")
        return
    ink = "#ffffff" if sum(colour) < 360 else _INK
    number = f"{way.people}"
    sheet.text(middle, y + 8, number, size=16, colour=ink, align="center", bold=True)
    after = way.waits_s[way.waits_s >= 0]
    lines = []
    if len(after):
        lines.append(f"median {duration(float(np.median(after)))}")
    if at_once := int(np.count_nonzero(way.waits_s < 0)):
        lines.append(f"{at_once} at once")
    for number_of_line, line in enumerate(lines):
        top = y + 40 + number_of_line * (line_height(SMALL) + 2)
        sheet.text(middle, top, line, size=SMALL, colour=ink, align="center")


def _shade(part: float, *, same: bool) -> tuple[int, int, int]:
    """Return red, green and blue: light for few people, dark for many; grey on the diagonal."""
    if same:
        return 228, 228, 228
    light, dark = np.array([236, 243, 249]), np.array([0, 82, 130])
    red, green, blue = (light + (dark - light) * min(part, 1.0) ** 0.8).astype(int).tolist()
    return red, green, blue
