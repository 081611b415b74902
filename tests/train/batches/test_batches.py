from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker.errors import ConfigError
from reid_tracker.train.batches.batches import Batch, Batches
from reid_tracker.train.batches.materials import open_materials
from reid_tracker.train.batches.patches import MIN_POOL
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.loop.distributed import World
from reid_tracker.train.teach.lessons import Lessons
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


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (
            {"name": "pk", "batch_size": 12, "identities_per_batch": 3},
            r"sampler\.identities_per_batch = 3: expected a multiple of the 2 processes",
        ),
        ({"name": "random", "batch_size": 7}, r"sampler\.batch_size = 7: expected a multiple"),
    ],
)
def test_batches_that_two_processes_cannot_share(
    tiny_data: Path, sampler: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        batches(tiny_data, World(0, 2), sampler=sampler)
    assert len(batches(tiny_data, World(), sampler=sampler).epoch(0))


@pytest.mark.parametrize(
    ("batch_size", "message"),
    [
        (3, r"teacher\.batch_size = 3: expected a multiple"),
        (8, "only 5 unlabelled crops, which 2 processes cannot share evenly; set it to 4"),
    ],
)
def test_unlabelled_crops_that_two_processes_cannot_share(
    tiny_data: Path, batch_size: int, message: str
) -> None:
    labelled = open_materials(tiny_recipe(tiny_data), tiny_data / "teacher", World())
    rows = np.zeros((len(labelled.labels), 4), np.float32)
    lessons = Lessons(rows, MemoryCrops(np.zeros((5, 32, 16, 3), np.uint8)), rows[:5], (4,))
    materials = replace(labelled, lessons=lessons)

    def build(number: int, world: World) -> Batches:
        teacher = {"models": ["osnet_x0_25"], "batch_size": number}
        recipe = tiny_recipe(tiny_data, loss={"distil_cosine": 1.0}, teacher=teacher)
        return Batches(recipe, materials, world)

    with pytest.raises(ConfigError, match=message):
        build(batch_size, World(0, 2))
    parts = [build(4, World(rank, 2)) for rank in (0, 1)]
    assert [len(part.make(part.epoch(0)[0], 0, 0).images) for part in parts] == [6, 6]
    alone = build(batch_size, World())
    assert len(alone.make(alone.epoch(0)[0], 0, 0).images) == 8 + min(batch_size, 5)


def test_processes_resume_with_the_patches_of_the_first(tiny_data: Path) -> None:
    def build(rank: int) -> Batches:
        return batches(tiny_data, World(rank, 2), augment={"patch": 1.0})

    def play(part: Batches, first: int, last: int) -> list[Batch]:
        plans = [part.epoch(epoch) for epoch in range(8)]
        steps = [(plan[step], epoch, step) for epoch, plan in enumerate(plans) for step in (0, 1)]
        return [part.make(*step) for step in steps[first:last]]

    whole = [build(0), build(1)]
    for part in whole:
        play(part, 0, 14)
    pools = [part.pool for part in whole]
    assert pools[0] is not None
    assert pools[1] is not None
    assert len(pools[0].places) == 14 * 8 > MIN_POOL
    assert np.array_equal(pools[0].places, pools[1].places)
    saved = pools[0].state()
    ends = [play(part, 14, 16) for part in whole]
    for rank in (0, 1):
        again = build(rank)
        assert again.pool is not None
        again.pool.load(saved)
        for batch, before in zip(play(again, 14, 16), ends[rank], strict=True):
            assert torch.equal(batch.images, before.images)
    assert not torch.equal(ends[0][0].images, ends[1][0].images)


@pytest.mark.parametrize("workers", [1, 4])
def test_batches_made_ahead_are_those_made_in_turn(tiny_data: Path, workers: int) -> None:
    source = batches(tiny_data, World(), augment={"patch": 0.0}, workers=workers)
    rows = source.epoch(3)
    ahead = list(source.remaining(3, 1))
    assert len(ahead) == len(rows) - 1
    for step, batch in enumerate(ahead, 1):
        expected = source.make(rows[step], 3, step)
        assert torch.equal(batch.images, expected.images)
        assert torch.equal(batch.labels, expected.labels)


def test_patches_are_not_taken_from_later_batches(tiny_data: Path) -> None:
    source = batches(tiny_data, World(), augment={"patch": 1.0}, workers=4)
    assert source.pool is not None
    remaining = source.remaining(0, 0)
    next(remaining)
    assert source.pool.added <= 8
    remaining.close()
