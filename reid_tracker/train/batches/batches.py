"""Batches of a run: a pure function of recipe, epoch and step, except for the patch pool."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reid_tracker.encode.base import Crops
from reid_tracker.errors import ConfigError
from reid_tracker.train.batches.augment import augment
from reid_tracker.train.batches.materials import Materials
from reid_tracker.train.batches.patches import PatchPool
from reid_tracker.train.batches.prefetch import prefetch
from reid_tracker.train.batches.samplers import pk_batches, random_batches
from reid_tracker.train.loop.distributed import World
from reid_tracker.train.recipe import Recipe

_EPOCH_STREAM, _UNLABELLED_STREAM, _AUGMENT_STREAM, _PATCH_STREAM, _BACKGROUND_STREAM = range(5)


@dataclass(frozen=True, eq=False)
class Batch:
    """The part of a batch that one process trains on.

    Attributes:
        images: (B + U, 3, H, W) float32: labelled ones, then unlabelled ones.
        labels: (B,) int64 class numbers.
        targets: (B + U, D) float32 of all teachers side by side, or None.
    """

    images: Tensor
    labels: Tensor
    targets: Tensor | None

    def on(self, device: torch.device) -> Batch:
        """Copy the batch to a device, asynchronously to a GPU."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def pinned(self) -> Batch:
        """Copy the batch to pinned memory."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        targets = None if self.targets is None else change(self.targets)
        return Batch(change(self.images), change(self.labels), targets)


class Batches:
    """Draws and augments batches.

    Args:
        recipe: of the run.
        materials: the training data.
        world: each process gets its part of every batch.

    Attributes:
        pool: patches to paste, the same in every process; the only state here that a checkpoint
            must keep.

    Raises:
        ConfigError: a batch cannot be divided evenly among the processes.
    """

    def __init__(self, recipe: Recipe, materials: Materials, world: World) -> None:
        check_parts(recipe, world)
        if materials.lessons is not None:
            _check_unlabelled(recipe, len(materials.lessons.unlabelled), world)
        self._recipe = recipe
        self._materials = materials
        self._world = world
        self.pool = PatchPool(materials.train.crops) if recipe.augment.patch > 0 else None

    def epoch(self, number: int) -> npt.NDArray[np.int64]:
        """Return the rows of all batches of an epoch, (steps, B), the same in every process."""
        recipe = self._recipe.sampler
        labels = self._materials.labels
        generator = np.random.default_rng([self._recipe.seed, _EPOCH_STREAM, number])
        if recipe.name == "random":
            return random_batches(len(labels), recipe.batch_size, generator)
        images = recipe.batch_size // recipe.identities_per_batch
        cameras = self._materials.train.images.cameras
        return pk_batches(labels, cameras, recipe.identities_per_batch, images, generator)

    def remaining(
        self, epoch: int, step: int, *, pinned: bool = False
    ) -> Generator[Batch, None, None]:
        """Yield the batches of an epoch from a step on, prefetched.

        Random patch keeps state that a checkpoint saves, so its batches are made only when they are
        needed.

        Args:
            epoch: from 0.
            step: from 0.
            pinned: use pinned memory, for asynchronous copies to a GPU.
        """
        rows = self.epoch(epoch)

        def make(number: int) -> Batch:
            batch = self.make(rows[number], epoch, number)
            return batch.pinned() if pinned else batch

        workers = self._recipe.workers or (os.cpu_count() or 1 if pinned else 1)
        return prefetch(make, range(step, len(rows)), 0 if self.pool is not None else workers)

    def make(self, rows: npt.NDArray[np.int64], epoch: int, step: int) -> Batch:
        """Make this process's part of a batch.

        Args:
            rows: (B,) of the whole batch.
            epoch: from 0.
            step: of the epoch, from 0.
        """
        materials, phase = self._materials, self._recipe.phase_at(epoch)
        size = (phase.height, phase.width)
        mine = self._own_part(rows)
        own = materials.train.crops.take(mine, size)
        if materials.backgrounds is not None:
            seeds = [self._recipe.seed, _BACKGROUND_STREAM, epoch, step, self._world.rank]
            probability, generator = self._recipe.augment.background, np.random.default_rng(seeds)
            own = materials.backgrounds.replace(own, mine, probability, generator)
        crops, targets = [own], None
        if materials.lessons is not None:
            lessons = materials.lessons
            others = self._unlabelled(len(lessons.unlabelled), epoch, step)
            crops.append(lessons.crops.take(others, size))
            known = np.concatenate([lessons.labelled[mine], lessons.unlabelled[others]])
            targets = torch.from_numpy(known)
        images = self._augment(np.concatenate(crops), rows, epoch, step)
        return Batch(images, torch.from_numpy(materials.labels[mine]), targets)

    def _augment(self, crops: Crops, rows: npt.NDArray[np.int64], epoch: int, step: int) -> Tensor:
        recipe, pool, world = self._recipe.augment, self.pool, self._world
        generator = _generator(self._recipe.seed, _AUGMENT_STREAM, epoch, step, world.rank)
        if pool is None:
            return augment(crops, recipe, generator)
        # The checkpoint holds the pool of one process, so all pools must be equal: each process
        # adds patches of the whole batch, with draws that do not depend on its rank.
        shared = None
        if world.size > 1:
            shared = _generator(self._recipe.seed, _PATCH_STREAM, epoch, step)
        return augment(
            crops,
            recipe,
            generator,
            lambda images: pool.paste(images, rows, recipe.patch, generator, shared),
        )

    def _own_part(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Split by identity under PK sampling, by image otherwise."""
        recipe, world = self._recipe.sampler, self._world
        groups = recipe.identities_per_batch if recipe.name == "pk" else len(rows)
        return rows.reshape(groups, -1)[world.rank :: world.size].reshape(-1)

    def _unlabelled(self, count: int, epoch: int, step: int) -> npt.NDArray[np.int64]:
        wanted = min(count, self._recipe.teacher.batch_size)
        seeds = [self._recipe.seed, _UNLABELLED_STREAM, epoch, step]
        rows = np.random.default_rng(seeds).choice(count, wanted, replace=False)
        return rows[self._world.rank :: self._world.size]


def check_parts(recipe: Recipe, world: World) -> None:
    """Check that each process gets an equal part of every batch.

    Gathering rows and averaging batch statistics require it.

    Raises:
        ConfigError: a number of the recipe is not a multiple of the number of processes.
    """
    sampler = recipe.sampler
    if sampler.name == "pk":
        _check_divisible("sampler.identities_per_batch", sampler.identities_per_batch, world)
    else:
        _check_divisible("sampler.batch_size", sampler.batch_size, world)
    if recipe.loss.distils:
        _check_divisible("teacher.batch_size", recipe.teacher.batch_size, world)


def _check_unlabelled(recipe: Recipe, count: int, world: World) -> None:
    if count < recipe.teacher.batch_size and count % world.size:
        raise ConfigError(
            f"teacher.batch_size = {recipe.teacher.batch_size}: there are only {count} unlabelled "
            f"crops, which {world.size} processes cannot share evenly; set it to "
            f"{count - count % world.size}"
        )


def _check_divisible(key: str, value: int, world: World) -> None:
    if value % world.size:
        raise ConfigError(
            f"{key} = {value}: expected a multiple of the {world.size} processes, which share "
            "every batch evenly"
        )


def _generator(*seeds: int) -> torch.Generator:
    seed = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator().manual_seed(seed)
