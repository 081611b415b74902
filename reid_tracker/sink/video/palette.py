"""One colour per identity: the same id has the same colour in every run and every camera."""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import IntArray

_GOLDEN_RATIO = (5**0.5 - 1) / 2
_SHADES = ((0.9, 1.0), (0.55, 1.0), (0.95, 0.7))  # saturation, value; distinct on any background

PALETTE_SIZE = 360
UNSURE = PALETTE_SIZE
"""Index of the grey after the palette, for people who are not identified yet."""


def identity_colours() -> npt.NDArray[np.uint8]:
    """Return the palette, (360, 3) uint8 red, green, blue.

    Ids take the colours in turn. Golden-ratio steps around the colour wheel keep ids that are close
    in number far apart in hue; alternating shades separate ids whose hues come close again.
    """
    colours = [
        colorsys.hsv_to_rgb(index * _GOLDEN_RATIO % 1.0, *_SHADES[index % len(_SHADES)])
        for index in range(PALETTE_SIZE)
    ]
    palette: npt.NDArray[np.uint8] = np.rint(np.array(colours) * 255).astype(np.uint8)
    return palette


def text_colours(backgrounds: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return black or white, (N, 3) uint8, whichever is read more easily on each background."""
    luma = backgrounds @ np.array([0.299, 0.587, 0.114])
    return np.where(luma[:, None] > 130, 0, 255).repeat(3, axis=1).astype(np.uint8)


def colours_with_unsure() -> npt.NDArray[np.uint8]:
    """Return (361, 3) uint8: the palette, and grey for people who are not identified yet."""
    return np.concatenate([identity_colours(), np.full((1, 3), 128, np.uint8)])


def colour_index(ids: IntArray) -> IntArray:
    """Return the (N,) rows of the palette for (N,) identities."""
    index: IntArray = ids % PALETTE_SIZE
    return index
