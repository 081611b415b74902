"""Colours of identities: stable, and far apart for neighbours."""

from __future__ import annotations

import numpy as np

from reid_tracker.sink.video.palette import (
    PALETTE_SIZE,
    colour_index,
    identity_colours,
    text_colours,
)


def test_colours_of_near_ids_differ() -> None:
    colours = identity_colours().astype(int)
    for apart in range(1, 9):
        difference = np.abs(colours - np.roll(colours, apart, axis=0)).sum(axis=1)
        assert difference.min() > 60
    assert len(np.unique(colours, axis=0)) == PALETTE_SIZE
    assert colour_index(np.array([1, PALETTE_SIZE + 1])).tolist() == [1, 1]


def test_colours_are_stable_over_versions() -> None:
    assert identity_colours()[:3].tolist() == [[255, 25, 25], [115, 156, 255], [108, 178, 9]]


def test_text_contrasts_with_its_background() -> None:
    colours = identity_colours()
    contrast = np.abs((text_colours(colours).astype(int) - colours) @ [0.299, 0.587, 0.114])
    assert contrast.min() > 100
