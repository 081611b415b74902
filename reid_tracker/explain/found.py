"""A sheet of search results: stored crops, best first, with identity, camera and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.explain.nets import to_crops
from reid_tracker.explain.sheet import SMALL, Sheet, line_height
from reid_tracker.types import ImageBGR

_CROP = (192, 96)  # height, width
_GAP = 28
_IN_A_ROW = 8


class Found(NamedTuple):
    """A search result.

    Attributes:
        picture: encoded image, JPEG or PNG.
        lines: a few short lines of text below the image.
    """

    picture: bytes
    lines: tuple[str, ...]


def found_sheet(found: Sequence[Found], *, title: str, caption: str) -> Sheet:
    """Draw search results in rows, in the given order.

    Args:
        found: at least one result.
        title: title of the sheet, one line.
        caption: explanation of the sheet.

    Raises:
        InputError: there are no results, or an image cannot be decoded.
        MissingDependencyError: matplotlib is not installed.
    """
    if not found:
        raise InputError("no pictures to draw")
    height, width = _CROP
    step = width + _GAP
    lines = max(len(one.lines) for one in found)
    row_height = height + lines * line_height(SMALL) + 16
    rows = -(-len(found) // _IN_A_ROW)
    body = max(min(len(found), _IN_A_ROW) * step, 4 * step)
    sheet = Sheet(body, rows * row_height, title, caption)
    crops = to_crops([_decoded(one.picture) for one in found], _CROP)
    for place, (one, crop) in enumerate(zip(found, crops, strict=True)):
        x, y = place % _IN_A_ROW * step, place // _IN_A_ROW * row_height
        sheet.paste(x, y, crop)
        for line, text in enumerate(one.lines):
            sheet.text(x, y + height + 4 + line * line_height(SMALL), text, size=SMALL)
    return sheet


def _decoded(picture: bytes) -> ImageBGR:
    image = None
    if picture:
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("a stored picture cannot be decoded; leave out --sheet")
    return image.astype(np.uint8, copy=False)
