"""Everything a recipe trains on, opened: labelled crops, held-out crops, what the teacher said."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError
from reid_tracker.train.backgrounds import Backgrounds, open_backgrounds
from reid_tracker.train.datasets import PersonImages, ReidDataset, hold_out, open_dataset
from reid_tracker.train.datasets.base import require_images
from reid_tracker.train.distributed import World
from reid_tracker.train.images import CropSource, open_crops
from reid_tracker.train.joined import JoinedPeople
from reid_tracker.train.recipe import Recipe
from reid_tracker.train.samplers import check_identities
from reid_tracker.train.teacher import Lessons, prepare_lessons


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
    """What a run works on.

    Attributes:
        train: the training images.
        labels: (N,) int64 their identities, renumbered from 0.
        query: held-out images to search with, or None.
        gallery: held-out images to search in, or None.
        lessons: what the teacher said, or None.
        backgrounds: others for the training images, or None.
        joined: made-up people, or None.
        size: greatest (height, width) of any phase.
    """

    train: LabelledCrops
    labels: npt.NDArray[np.int64]
    query: LabelledCrops | None
    gallery: LabelledCrops | None
    lessons: Lessons | None
    backgrounds: Backgrounds | None
    joined: JoinedPeople | None
    size: tuple[int, int]

    @property
    def identities(self) -> int:
        """Number of training identities."""
        return int(self.labels.max()) + 1


def open_materials(recipe: Recipe, folder: Path, world: World) -> Materials:
    """Open everything, and ask the teacher if it was not asked before.

    Args:
        recipe: of the run.
        folder: where the teacher's answers and the outlines of people are kept.
        world: its first process asks the teacher.

    Raises:
        ReidTrackerError: a data set, file or the teacher cannot be used.
    """
    data = recipe.data
    dataset = open_dataset(data.name, data.root, data.split)
    train = require_images(dataset.train, Path(data.root))
    # A data set's own query and gallery are its test: no run looks at them while it trains.
    split = hold_out(train, data.holdout_identities, recipe.seed)
    labels = split.train.class_labels()
    if recipe.sampler.name == "pk":
        wanted = recipe.sampler.identities_per_batch
        check_identities(split.train.identities, wanted, split.train.paths)
    last = recipe.phases[-1]
    size = (max(p.height for p in recipe.phases), max(p.width for p in recipe.phases))
    crops = open_crops(split.train.paths, size, data.cache_gib)
    lessons = None
    if recipe.loss.distils:
        if world.is_main:
            prepare_lessons(recipe, crops, labels, folder)
        world.barrier()
        lessons = prepare_lessons(recipe, crops, labels, folder)
    backgrounds = None
    if recipe.augment.background > 0 or recipe.sampler.joined:
        folders = recipe.augment.background_folders
        if world.is_main:
            open_backgrounds(crops, folders, size, folder)
        world.barrier()
        backgrounds = open_backgrounds(crops, folders, size, folder)
    joined = None
    if backgrounds is not None and recipe.sampler.joined:
        joined = JoinedPeople(crops, labels, split.train.cameras, backgrounds.outlines)
        if not joined.possible:
            raise InputError(
                f"sampler.joined = {recipe.sampler.joined}: {data.root} shows fewer than two "
                "people in two cameras; set it to 0"
            )
    query, gallery = _held_out(split, (last.height, last.width), data.cache_gib)
    train_crops = LabelledCrops(split.train, crops)
    return Materials(train_crops, labels, query, gallery, lessons, backgrounds, joined, size)


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
