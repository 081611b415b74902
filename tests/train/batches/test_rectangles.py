from __future__ import annotations

import pytest
import torch

from reid_tracker.train.batches.rectangles import random_rectangles


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("area", "ratio"), [((0.02, 0.4), 0.3), ((0.01, 0.5), 0.1)])
def test_rectangles_keep_to_area_and_ratio(area: tuple[float, float], ratio: float) -> None:
    size = (256, 128)
    drawn = random_rectangles(2000, size, area, ratio, seeded())
    tops, lefts, heights, widths = drawn.T
    assert (heights > 0).all()
    assert ((heights < 256) & (widths < 128)).all()
    assert ((tops >= 0) & (tops + heights <= 256)).all()
    assert ((lefts >= 0) & (lefts + widths <= 128)).all()
    parts = heights * widths / (256 * 128)
    assert area[0] * 0.85 < parts.min() < area[0] * 2
    assert area[1] * 0.8 < parts.max() < area[1] * 1.1
    ratios = heights / widths
    assert ratio * 0.75 < ratios.min()
    assert ratios.max() < 1.3 / ratio
    # Every place is possible.
    assert tops.min() == 0
    assert (tops + heights).max() == 256


def test_rectangles_that_never_fit_are_empty() -> None:
    drawn = random_rectangles(5, (4, 1), (0.5, 0.5), 0.5, seeded())
    assert (drawn[:, 2:] == 0).all()
