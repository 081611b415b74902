"""Distillation data: embeddings of labelled and unlabelled crops by each teacher."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.encode.base import Crops
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.images import CropSource, MemoryCrops, RowsOf, StackedCrops
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.train.teach.backgrounds import read_backgrounds
from reid_tracker.train.teach.outlines import find_outlines
from reid_tracker.train.teach.targets import SIZE, Targets, ask, digest, pull_together
from reid_tracker.train.teach.unlabelled import collect_people, recombine

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Lessons:
    """The data of the distillation losses.

    Attributes:
        labelled: (N, D) targets of the training images, all teachers side by side.
        crops: M unlabelled crops.
        unlabelled: (M, D) targets of the unlabelled crops.
        widths: columns of each teacher, D together.
    """

    labelled: Targets
    crops: CropSource
    unlabelled: Targets
    widths: tuple[int, ...]


def prepare_lessons(
    recipe: TeacherRecipe,
    images: CropSource,
    labels: npt.NDArray[np.int64],
    folder: Path,
    *,
    seed: int,
    starts: Sequence[int] = (0,),
) -> Lessons:
    """Compute the embeddings of all teachers, or read them from the cache.

    Args:
        recipe: teachers and sources of unlabelled crops.
        images: the training images.
        labels: (N,) their identities.
        folder: cache of crops and embeddings, shared between runs.
        seed: seed of the recombined crops.
        starts: first row of each data set; each set has its own cache, so that a run with one more
            data set embeds only the new one.

    Raises:
        ReidTrackerError: a teacher, the detector or a source cannot be used.
    """
    parts = [range(*ends) for ends in pairwise([*starts, len(images)])]
    people = _kept(folder, "people", _people_key(recipe), lambda: collect_people(recipe, SIZE))
    made = [_recombined(recipe, seed, RowsOf(images, rows), folder) for rows in parts]
    crops = StackedCrops([people, *made])
    ends = np.cumsum([0, len(people), *map(len, made)]).tolist()
    known, others = [], []
    for model in recipe.models:
        own = [ask(model, images, rows, folder) for rows in parts]
        known.append(pull_together(np.concatenate(own), labels, recipe.identity_pull))
        spans = [range(*span) for span in pairwise(ends)]
        others.append(np.concatenate([ask(model, crops, span, folder) for span in spans]))
    widths = tuple(targets.shape[1] for targets in known)
    return Lessons(np.hstack(known), crops, np.hstack(others), widths)


def _recombined(recipe: TeacherRecipe, seed: int, images: CropSource, folder: Path) -> MemoryCrops:
    count, share = recipe.recombined, recipe.new_background
    key = [count, share, recipe.box_folders, seed]
    if count:
        key.append(digest(images, range(len(images))))

    def make() -> Crops:
        if not share:
            return recombine(images, count, SIZE, seed)
        return recombine(
            images,
            count,
            SIZE,
            seed,
            outlines=find_outlines(images, range(len(images)), folder),
            backgrounds=read_backgrounds(recipe.box_folders, "teacher.box_folders"),
            new_background=share,
        )

    return _kept(folder, "recombined", key, make)


def _kept(folder: Path, name: str, key: object, make: Callable[[], Crops]) -> MemoryCrops:
    """Read crops from a file; create it first if it is missing."""
    text = json.dumps(key, sort_keys=True)
    file = folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.npy"
    if not file.is_file():
        logger.info("cutting out unlabelled people" if name == "people" else "recombining people")
        folder.mkdir(parents=True, exist_ok=True)
        crops = make()
        logger.info("%d crops: %s", len(crops), file.name)
        write_atomically(file, lambda opened: np.save(opened, crops))
    return MemoryCrops(np.load(file, mmap_mode="r"))


def _people_key(recipe: TeacherRecipe) -> dict[str, object]:
    """Return all settings that affect the people cut out."""
    names = ("box_folders", "videos", "detector", "min_height_px", "frame_step")
    settings = dataclasses.asdict(recipe)
    return {name: settings[name] for name in names}
