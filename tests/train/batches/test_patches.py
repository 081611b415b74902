from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from reid_tracker.train.batches import patches
from reid_tracker.train.batches.patches import MIN_POOL, PatchPool, _rotated
from reid_tracker.train.images import MemoryCrops

COUNT, SIZE = 40, (64, 32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def source() -> MemoryCrops:
    """Crops of one colour each: a patch tells which image it came from."""
    crops = np.zeros((COUNT, *SIZE, 3), np.uint8)
    crops[...] = np.arange(1, COUNT + 1)[:, None, None, None]
    return MemoryCrops(crops)


def black(count: int = COUNT) -> Tensor:
    return torch.zeros(count, 3, *SIZE)


def filled_pool() -> PatchPool:
    pool = PatchPool(source())
    for seed in range(4):
        pool.paste(black(), np.arange(COUNT), 0.0, seeded(seed))
    return pool


def test_nothing_is_pasted_before_the_pool_has_enough() -> None:
    pool = PatchPool(source())
    for seed in range(2):
        assert pool.paste(black(), np.arange(COUNT), 1.0, seeded(seed)).max() == 0
    assert len(pool.places) < MIN_POOL
    assert pool.paste(black(), np.arange(COUNT), 1.0, seeded(2)).max() > 0


def test_a_patch_is_one_rectangle_of_another_image() -> None:
    pasted = filled_pool().paste(black(), np.arange(0), 1.0, seeded())
    for image in pasted:
        values = (image * 255).round().unique()
        assert len(values) <= 2, "one colour on black"
        assert image.max() > 0
        rows = image[0].any(1).nonzero()[:, 0]
        assert len(rows) < SIZE[0]


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_probability(probability: float) -> None:
    pool = filled_pool()
    images = black(400)
    pasted = pool.paste(images, np.arange(0), probability, seeded())
    changed = pasted.flatten(1).any(1).float().mean().item()
    assert changed == pytest.approx(probability, abs=0.08)
    assert images.max() == 0, "the input is changed in place"


def test_unlabelled_images_receive_but_do_not_give() -> None:
    pool = PatchPool(source())
    pool.paste(black(), np.arange(10), 0.0, seeded())
    assert len(pool.places) == 10


def test_state_brings_the_same_patches_back() -> None:
    first, second = filled_pool(), PatchPool(source())
    second.load(first.state())
    results = [pool.paste(black(), np.arange(COUNT), 0.7, seeded(9)) for pool in (first, second)]
    assert torch.equal(*results)


def test_pool_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "POOL_SIZE", 100)
    pool = PatchPool(source())
    for step in range(7):
        pool.paste(black(), np.full(COUNT, step), 0.0, seeded(step))
    assert len(pool.places) == 100
    rows, counts = np.unique(pool.places[:, 0], return_counts=True)
    assert rows.tolist() == [4, 5, 6]
    assert counts.tolist() == [20, 40, 40]
    assert pool.added == 280


def test_rotation_by_ninety_degrees_of_a_square() -> None:
    patch = torch.arange(27.0).view(3, 3, 3)
    assert torch.equal(_rotated(patch, 90.0), patch.rot90(-1, (1, 2))) or torch.equal(
        _rotated(patch, 90.0), patch.rot90(1, (1, 2))
    )
    assert torch.equal(_rotated(patch, 0.0), patch)


def test_rotation_keeps_angles_where_sides_differ() -> None:
    # A centred disc stays itself under any rotation, if pixels are treated as squares.
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(21.0), indexing="ij")
    disc = (((rows - 20) ** 2 + (columns - 10) ** 2) < 81).float().expand(3, -1, -1)
    assert (_rotated(disc, 10.0) != disc).float().mean() < 0.02
