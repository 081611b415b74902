"""A sheet of search results: stored crops, best first, with identity, camera and time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.explain.sheet import RED, SMALL, Sheet, line_height
from reid_tracker.picture_size import picture_size, too_large
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


def found_sheet(
    found: Sequence[Found], *, title: str, caption: str, query: ImageBGR | None = None
) -> Sheet:
    """Draw search results in rows, in the given order; each picture keeps its aspect ratio.

    Args:
        found: at least one result.
        title: title of the sheet, one line.
        caption: explanation of the sheet.
        query: (H, W, 3) uint8 BGR picture of the wanted person; it comes first.

    Raises:
        InputError: there are no results, or an image cannot be decoded.
    """
    if not found:
        raise InputError("no pictures to draw")
    height, width = _CROP
    step = width + _GAP
    lines = max(len(one.lines) for one in found)
    row_height = height + lines * line_height(SMALL) + 16
    pictures = [_fitted(_decoded(one.picture)) for one in found]
    texts = [one.lines for one in found]
    if query is not None:
        pictures.insert(0, _fitted(query))
        texts.insert(0, ("query",))
    rows = -(-len(pictures) // _IN_A_ROW)
    body = max(min(len(pictures), _IN_A_ROW) * step, 4 * step)
    sheet = Sheet(body, rows * row_height, title, caption)
    for place, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
        x, y = place % _IN_A_ROW * step, place // _IN_A_ROW * row_height
        asked = query is not None and place == 0
        left, top = (width - picture.shape[1]) // 2, (height - picture.shape[0]) // 2
        sheet.paste(x + left, y + top, picture, border=3 if asked else 0, colour=RED)
        for line, words in enumerate(text):
            sheet.text(x, y + height + 4 + line * line_height(SMALL), words, size=SMALL)
    return sheet


def _fitted(image: ImageBGR) -> ImageBGR:
    """Scale an image into the place of a crop, without a change of its aspect ratio."""
    height, width = image.shape[:2]
    scale = min(_CROP[0] / height, _CROP[1] / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled: ImageBGR = cv2.resize(image, size, interpolation=interpolation).astype(np.uint8)
    return scaled


def _decoded(picture: bytes) -> ImageBGR:
    size, image = picture_size(picture), None
    if size is not None and (why := too_large(*size)):
        raise InputError(f"a stored picture cannot be decoded: {why}, or leave out --sheet")
    if picture:
        image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("a stored picture cannot be decoded; leave out --sheet")
    return image.astype(np.uint8, copy=False)
