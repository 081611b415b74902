"""What the student learns from the teacher: its embeddings of labelled and unlabelled crops.

They are computed once, from clean crops, and kept beside the run: a resumed run reads them back.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.encode import build_encoder
from reid_tracker.train.backgrounds import read_backgrounds
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.images import Crops, CropSource, MemoryCrops
from reid_tracker.train.recipe import Recipe
from reid_tracker.train.unlabelled import collect_people, recombine

logger = logging.getLogger(__name__)

Targets = npt.NDArray[np.float32]
"""Teacher embeddings, (N, D) unit rows."""

SIZE = (256, 128)
"""Height and width at which crops are kept."""

_CHUNK = 256


@dataclass(frozen=True, eq=False)
class Lessons:
    """Everything the distillation losses need.

    Attributes:
        labelled: (N, D) targets of the training images.
        crops: M unlabelled crops.
        unlabelled: (M, D) their targets.
    """

    labelled: Targets
    crops: CropSource
    unlabelled: Targets


def prepare_lessons(
    recipe: Recipe, images: CropSource, labels: npt.NDArray[np.int64], folder: Path
) -> Lessons:
    """Ask the teacher, or read what it said for the same recipe before.

    Args:
        recipe: of the run.
        images: the training images.
        labels: (N,) their identities.
        folder: where the answers are kept.

    Raises:
        ReidTrackerError: the teacher, the detector or a source cannot be used.
    """
    key = _fingerprint(recipe, len(images))
    written = folder / "key.txt"
    if not written.is_file() or written.read_text(encoding="utf-8") != key:
        written.unlink(missing_ok=True)
        _write_lessons(recipe, images, folder)
        write_atomically(written, key.encode())
    own = np.load(folder / "labelled.npy").astype(np.float32)
    crops = MemoryCrops(np.load(folder / "crops.npy", mmap_mode="r"))
    unlabelled = np.load(folder / "unlabelled.npy").astype(np.float32)
    return Lessons(pull_together(own, labels, recipe.teacher.identity_pull), crops, unlabelled)


def teach(model: str, crops: CropSource) -> Targets:
    """Return a teacher's embeddings of crops: the mean over each crop and its mirror image."""
    encoder = build_encoder(model)
    whole = np.array([[0, 0, SIZE[1], SIZE[0]]], np.float32)
    parts = []
    for start in range(0, len(crops), _CHUNK):
        chunk = crops.take(np.arange(start, min(start + _CHUNK, len(crops))), SIZE)
        both = [*chunk, *np.ascontiguousarray(chunk[:, :, ::-1])]
        rows = np.concatenate(encoder.encode_batch(both, [whole] * len(both)))
        parts.append(_unit(rows[: len(chunk)] + rows[len(chunk) :]))
    return np.concatenate(parts) if parts else np.empty((0, encoder.embedding_size), np.float32)


def pull_together(targets: Targets, labels: npt.NDArray[np.int64], pull: float) -> Targets:
    """Move each target towards the mean of its identity: 0 leaves it, 1 makes them equal."""
    names, rows = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(names), targets.shape[1]), np.float32)
    np.add.at(sums, rows, targets)
    return _unit((1 - pull) * targets + pull * _unit(sums)[rows])


def _write_lessons(recipe: Recipe, images: CropSource, folder: Path) -> None:
    teacher = recipe.teacher
    folder.mkdir(parents=True, exist_ok=True)
    logger.info("cutting out unlabelled people")
    people = collect_people(teacher, SIZE)
    generator = np.random.default_rng([recipe.seed, len(images)])
    share = teacher.new_background
    backgrounds = read_backgrounds(teacher.box_folders, "teacher.box_folders") if share > 0 else []
    made = recombine(
        images, teacher.recombined, SIZE, generator, backgrounds=backgrounds, new_background=share
    )
    crops = np.concatenate([people, made])
    logger.info(
        "%d people cut out, %d recombined; the teacher looks at them", len(people), len(made)
    )
    _write(folder / "labelled.npy", teach(teacher.model, images).astype(np.float16))
    _write(folder / "unlabelled.npy", teach(teacher.model, MemoryCrops(crops)).astype(np.float16))
    _write(folder / "crops.npy", crops)


def _write(path: Path, array: npt.NDArray[np.float16] | Crops) -> None:
    write_atomically(path, lambda file: np.save(file, array))


def _fingerprint(recipe: Recipe, images: int) -> str:
    """Name everything that the answers depend on."""
    teacher = dataclasses.asdict(recipe.teacher)
    del teacher["batch_size"], teacher["identity_pull"]
    data = dataclasses.asdict(recipe.data)
    del data["cache_gib"]
    parts = [teacher, data, recipe.seed, images]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _unit(rows: Targets) -> Targets:
    unit: Targets = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
