from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker.train.batches import Batches
from reid_tracker.train.distributed import World
from reid_tracker.train.materials import open_materials
from tests.train.samples import tiny_recipe


def batches(data: Path, world: World, **changes: Any) -> Batches:
    recipe = tiny_recipe(data, **changes)
    return Batches(recipe, open_materials(recipe, data / "teacher", World()), world)


@pytest.mark.parametrize("sampler", ["pk", "random"])
def test_processes_share_a_batch_without_overlap(tiny_data: Path, sampler: str) -> None:
    parts = [batches(tiny_data, World(rank, 2), sampler={"name": sampler}) for rank in (0, 1)]
    plans = [part.epoch(0) for part in parts]
    assert np.array_equal(plans[0], plans[1])
    made = [part.make(plans[0][0], 0, 0) for part in parts]
    labels = torch.cat([batch.labels for batch in made])
    whole = batches(tiny_data, World(), sampler={"name": sampler}).make(plans[0][0], 0, 0)
    assert sorted(labels.tolist()) == sorted(whole.labels.tolist())
    if sampler == "pk":
        assert not set(made[0].labels.tolist()) & set(made[1].labels.tolist())


def test_a_batch_follows_from_epoch_and_step(tiny_data: Path) -> None:
    def make(epoch: int, step: int) -> torch.Tensor:
        source = batches(tiny_data, World(), augment={"patch": 0})
        return source.make(source.epoch(0)[0], epoch, step).images

    assert torch.equal(make(1, 2), make(1, 2))
    assert not torch.equal(make(1, 2), make(1, 3))
    assert not torch.equal(make(1, 2), make(2, 2))


def test_phases_change_the_size(tiny_data: Path) -> None:
    phases = [{"height": 16, "width": 16}, {"height": 32, "width": 16}]
    source = batches(tiny_data, World(), phases=phases)
    sizes = [source.make(source.epoch(epoch)[0], epoch, 0).images.shape[2:] for epoch in (0, 1)]
    assert [tuple(size) for size in sizes] == [(16, 16), (32, 16)]
