"""One colour per identity: the same id has the same colour in every run and every camera."""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import IntArray

_STEP = 0.682  # hue step; it keeps the colours of 20 consecutive ids farthest apart
_SHADES = ((1.0, 1.0), (1.0, 0.6))  # saturation, value: bright and dark
# Hues at perceptually equal distances (CIELAB): the colour wheel has too much green.
_HUES = (0, 0.092, 0.155, 0.247, 0.399, 0.472, 0.531, 0.581, 0.628, 0.76, 0.86, 0.93, 1)

PALETTE_SIZE = 360
UNSURE = PALETTE_SIZE
"""Index of the grey after the palette, for people who are not identified yet."""


def identity_colours() -> npt.NDArray[np.uint8]:
    """Return the palette, (360, 3) uint8 red, green, blue.

    Consecutive ids are large hue steps apart, alternating bright and dark. The colours of any 20
    consecutive ids differ by more than 20 in CIELAB, those of the next two by more than 80.
    """
    wheel = np.arange(PALETTE_SIZE) * _STEP % 1.0
    hues = np.interp(wheel, np.linspace(0, 1, len(_HUES)), _HUES).tolist()
    colours = [
        colorsys.hsv_to_rgb(hue, *_SHADES[index % len(_SHADES)]) for index, hue in enumerate(hues)
    ]
    palette: npt.NDArray[np.uint8] = np.rint(np.array(colours) * 255).astype(np.uint8)
    return palette


def text_colours(backgrounds: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return black or white, (N, 3) uint8, whichever is more legible on each background."""
    luma = backgrounds @ np.array([0.299, 0.587, 0.114])
    return np.where(luma[:, None] > 130, 0, 255).repeat(3, axis=1).astype(np.uint8)


def colours_with_unsure() -> npt.NDArray[np.uint8]:
    """Return (361, 3) uint8: the palette, and grey for people who are not identified yet."""
    return np.concatenate([identity_colours(), np.full((1, 3), 128, np.uint8)])


def colour_index(ids: IntArray) -> IntArray:
    """Return the (N,) rows of the palette for (N,) identities."""
    index: IntArray = ids % PALETTE_SIZE
    return index
