"""Writes the training pictures of a detector to disk, in YOLO form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from reid_tracker.errors import OutputError
from reid_tracker.train.detector.compose import Composer
from reid_tracker.train.detector.cutouts import collect_cutouts
from reid_tracker.train.detector.pictures import Picture, collect_pictures
from reid_tracker.train.detector.recipe import DetectorRecipe

logger = logging.getLogger(__name__)

_HELD_OUT_EVERY = 12
"""Of the pictures, one in so many is kept for validation; of a clip, neighbours look alike, so
whole runs of frames are."""
_RUN = 8
_JPEG_QUALITY = 92
_KEY = "recipe.json"


def prepare_pictures(
    recipe: DetectorRecipe,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Make the training and validation pictures; those that a former run made are kept.

    Args:
        recipe: what to make.
        folder: gets images/{train,val}, labels/{train,val} and data.yaml.
        progress: called with the pictures made so far, and their number.

    Returns:
        The file that ultralytics takes as `data`.

    Raises:
        ReidTrackerError: a source cannot be read, or the folder not written.
    """
    data_file = folder / "data.yaml"
    key = json.dumps({**asdict(recipe.pictures), "seed": recipe.seed}, sort_keys=True)
    try:
        if data_file.is_file() and (folder / _KEY).read_text(encoding="utf-8") == key:
            return data_file
        return _write(recipe, folder, key, data_file, progress)
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None


def _write(
    recipe: DetectorRecipe,
    folder: Path,
    key: str,
    data_file: Path,
    progress: Callable[[int, int], None],
) -> Path:
    data_file.unlink(missing_ok=True)
    logger.info("gathering pictures and people")
    generator = np.random.default_rng(recipe.seed)
    pictures = collect_pictures(recipe.pictures)
    cutouts = collect_cutouts(recipe.pictures, generator)
    held_out = (np.arange(len(pictures)) // _RUN) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    held_out_cutouts = np.arange(len(cutouts)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    logger.info(
        "%d pictures with %d people, %d cut-outs",
        len(pictures),
        sum(len(picture.boxes) for picture in pictures),
        len(cutouts),
    )
    total = recipe.pictures.training + recipe.pictures.validation
    done = 0
    for part, count in (("train", recipe.pictures.training), ("val", recipe.pictures.validation)):
        mine, own = held_out == (part == "val"), held_out_cutouts == (part == "val")
        composer = Composer(
            recipe.pictures,
            [pictures[row] for row in np.flatnonzero(mine)] or pictures,
            [cutouts[row] for row in np.flatnonzero(own)] or cutouts,
            generator,
        )
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            _save(composer.compose(), folder, part, f"{number:06d}")
            done += 1
            progress(done, total)
    (folder / _KEY).write_text(key, encoding="utf-8")
    # Last, so that a file that is there tells of pictures that are all there.
    data_file.write_text(
        f"path: {json.dumps(str(folder.resolve()))}\ntrain: images/train\nval: images/val\n"
        "names: {0: person}\n",
        encoding="utf-8",
    )
    return data_file


def _save(picture: Picture, folder: Path, part: str, name: str) -> None:
    encoded = cv2.imencode(".jpg", picture.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    (folder / "images" / part / f"{name}.jpg").write_bytes(encoded.tobytes())
    boxes = picture.boxes / picture.image.shape[0]
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    lines = [
        "0 " + " ".join(f"{value:.6f}" for value in row)
        for row in np.concatenate([centres, sides], axis=1).tolist()
    ]
    (folder / "labels" / part / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
