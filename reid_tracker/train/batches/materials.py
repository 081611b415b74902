"""Loads everything a recipe trains on: labelled, held-out and unlabelled crops."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.train.batches.backgrounds import Backgrounds, open_backgrounds
from reid_tracker.train.batches.samplers import check_identities
from reid_tracker.train.datasets import (
    PersonImages,
    ReidDataset,
    hold_out,
    join_datasets,
    open_dataset,
)
from reid_tracker.train.datasets.base import require_images
from reid_tracker.train.images import CropSource, open_crops
from reid_tracker.train.loop.distributed import World
from reid_tracker.train.recipe import DataRecipe, Recipe
from reid_tracker.train.teach.lessons import Lessons, prepare_lessons
from reid_tracker.train.teach.targets import SIZE


@dataclass(frozen=True, eq=False)
class LabelledCrops:
    """Images of one split.

    Attributes:
        images: paths, identities, cameras.
        crops: their pixels.
    """

    images: PersonImages
    crops: CropSource


@dataclass(frozen=True, eq=False)
class Materials:
    """Training data of a run.

    Attributes:
        train: the training images.
        labels: (N,) int64 their identities, renumbered from 0.
        query: held-out images to search with, or None.
        gallery: held-out images to search in, or None.
        lessons: embeddings of the teachers, or None.
        backgrounds: new backgrounds for the training images, or None.
    """

    train: LabelledCrops
    labels: npt.NDArray[np.int64]
    query: LabelledCrops | None
    gallery: LabelledCrops | None
    lessons: Lessons | None
    backgrounds: Backgrounds | None

    @property
    def identities(self) -> int:
        """Number of training identities."""
        return int(self.labels.max()) + 1


def open_materials(recipe: Recipe, folder: Path, world: World) -> Materials:
    """Load the data, and compute or load the embeddings of the teachers.

    Args:
        recipe: of the run.
        folder: cache of the teachers' embeddings and of outlines.
        world: its first process runs the teachers.

    Raises:
        ReidTrackerError: a data set, file or a teacher cannot be used.
    """
    data = recipe.data
    split, starts = open_data(data, recipe.seed)
    labels = split.train.class_labels()
    if recipe.sampler.name == "pk":
        wanted = recipe.sampler.identities_per_batch
        check_identities(split.train.identities, wanted, split.train.paths)
    sides = [(phase.height, phase.width) for phase in recipe.phases]
    sides += [SIZE] if recipe.loss.distils else []
    size = (max(side[0] for side in sides), max(side[1] for side in sides))
    crops = open_crops(split.train.paths, size, data.cache_gib)
    lessons = backgrounds = None
    if recipe.loss.distils:
        lessons = world.first_alone(
            lambda: prepare_lessons(
                recipe.teacher, crops, labels, folder, seed=recipe.seed, starts=starts
            )
        )
    if recipe.augment.background > 0:
        folders = recipe.augment.background_folders
        parts = [range(*ends) for ends in pairwise([*starts, len(crops)])]
        backgrounds = world.first_alone(lambda: open_backgrounds(crops, parts, folders, folder))
    query, gallery = _held_out(split, sides[len(recipe.phases) - 1], data.cache_gib)
    train = LabelledCrops(split.train, crops)
    return Materials(train, labels, query, gallery, lessons, backgrounds)


def open_data(recipe: DataRecipe, seed: int) -> tuple[ReidDataset, list[int]]:
    """Read the data sets of a recipe, hold out some people, and join the sets.

    Args:
        recipe: names the data sets.
        seed: decides who is held out.

    Returns:
        The joined data set, whose query and gallery show the held-out people, and the first row of
        each part's training images.

    Raises:
        ConfigError: a name is unknown, or there are not enough people to hold out.
        InputError: a data set cannot be read.
    """
    splits = []
    for part in recipe.sets:
        # A data set's own query and gallery are its test set; training does not use them.
        found = open_dataset(part.name, part.root, part.split).train
        images = require_images(found, Path(part.root))
        splits.append(hold_out(images, part.holdout_identities, seed))
    starts = np.cumsum([0, *(len(split.train) for split in splits[:-1])])
    joined = splits[0] if len(splits) == 1 else join_datasets(splits)
    return joined, starts.tolist()


def _held_out(
    split: ReidDataset, size: tuple[int, int], cache_gib: float
) -> tuple[LabelledCrops | None, LabelledCrops | None]:
    if not len(split.query):
        return None, None
    query, gallery = (
        LabelledCrops(images, open_crops(images.paths, size, cache_gib))
        for images in (split.query, split.gallery)
    )
    return query, gallery
