"""Colours of identities: stable, and far apart for neighbours."""

from __future__ import annotations

import cv2
import numpy as np

from reid_tracker.sink.video.palette import (
    PALETTE_SIZE,
    colour_index,
    identity_colours,
    text_colours,
)


def test_colours_of_near_ids_differ() -> None:
    colours = identity_colours()
    lab = cv2.cvtColor(colours.astype(np.float32)[None] / 255, cv2.COLOR_RGB2LAB)[0]
    for apart in range(1, 21):
        difference = np.linalg.norm(lab[apart:] - lab[:-apart], axis=1)
        assert difference.min() > (80 if apart == 1 else 20)
    assert len(np.unique(colours, axis=0)) == PALETTE_SIZE
    assert colour_index(np.array([1, PALETTE_SIZE + 1])).tolist() == [1, 1]


def test_colours_are_stable_over_versions() -> None:
    assert identity_colours()[:3].tolist() == [[255, 0, 0], [0, 13, 153], [0, 255, 142]]


def test_text_contrasts_with_its_background() -> None:
    colours = identity_colours()
    contrast = np.abs((text_colours(colours).astype(int) - colours) @ [0.299, 0.587, 0.114])
    assert contrast.min() > 100
