"""Writes the training pictures of a detector to disk, in YOLO form."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.errors import OutputError
from reid_tracker.train.detector.compose import Composer
from reid_tracker.train.detector.cutouts import collect_cutouts
from reid_tracker.train.detector.pictures import Picture, check_folder, collect_pictures
from reid_tracker.train.detector.recipe import DetectorRecipe, PictureRecipe

logger = logging.getLogger(__name__)

_HELD_OUT_EVERY = 12
"""One in this many pictures is kept for validation; in clips whole runs of frames, since
neighbouring frames look alike."""
_RUN = 8
_PARTS = ("train", "val")
WHOLE = "whole"
"""The part with the held-out pictures unchanged, as a detector sees them in use."""
_JPEG_QUALITY = 92
_KEY = "recipe.json"


def prepare_pictures(
    recipe: DetectorRecipe,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Make the training and validation pictures; pictures by the same recipe are kept.

    Args:
        recipe: which pictures to make.
        folder: receives images/{train,val,whole}, labels/ with the same parts, and data.yaml.
        progress: called with the number of pictures made so far, and the total.

    Returns:
        The file for ultralytics' argument `data`.

    Raises:
        ReidTrackerError: a source cannot be read, or the folder not written.
    """
    data_file = folder / "data.yaml"
    key = json.dumps({**asdict(recipe.pictures), "seed": recipe.seed}, sort_keys=True)
    key_file = folder / _KEY
    try:
        made = data_file.is_file() and key_file.is_file()
        if not made or key_file.read_text(encoding="utf-8") != key:
            data_file.unlink(missing_ok=True)
            _write_pictures(recipe, folder, progress)
            key_file.write_text(key, encoding="utf-8")
        # Written last, so that it exists only if all pictures do; rewritten every time, since the
        # folder may have been moved.
        data_file.write_text(
            f"path: {json.dumps(str(folder.resolve()))}\ntrain: images/train\nval: images/val\n"
            "names: {0: person}\n",
            encoding="utf-8",
        )
    except OSError as error:
        raise OutputError(f"cannot write {folder}: {error.strerror}") from None
    return data_file


def _write_pictures(
    recipe: DetectorRecipe, folder: Path, progress: Callable[[int, int], None]
) -> None:
    _check_sources(recipe.pictures)
    _clear(folder)
    logger.info("gathering pictures and people")
    generator = np.random.default_rng(recipe.seed)
    pictures = collect_pictures(recipe.pictures)
    cutouts = collect_cutouts(recipe.pictures, generator)
    held_out, held_out_cutouts = _held_out(len(pictures), _RUN), _held_out(len(cutouts), 1)
    logger.info(
        "%d pictures with %d people, %d cut-outs",
        len(pictures),
        sum(len(picture.boxes) for picture in pictures),
        len(cutouts),
    )
    for number, row in enumerate(np.flatnonzero(held_out).tolist()):
        _save(pictures[row], folder, WHOLE, f"{number:06d}")
    total = recipe.pictures.training + recipe.pictures.validation
    done = 0
    counts = (recipe.pictures.training, recipe.pictures.validation)
    for part, count in zip(_PARTS, counts, strict=True):
        mine, own = held_out == (part == "val"), held_out_cutouts == (part == "val")
        composer = Composer(
            recipe.pictures,
            [pictures[row] for row in np.flatnonzero(mine)] or pictures,
            [cutouts[row] for row in np.flatnonzero(own)] or cutouts,
            generator,
        )
        for number in range(count):
            _save(composer.compose(), folder, part, f"{number:06d}")
            done += 1
            progress(done, total)


def _check_sources(pictures: PictureRecipe) -> None:
    crops = pictures.crop_folders if pictures.crops else ()
    for folder in (*pictures.box_folders, pictures.mask_folder, *crops):
        if folder:
            check_folder(Path(folder))


def _clear(folder: Path) -> None:
    """Make the folders; remove another recipe's pictures, since ultralytics would read them."""
    for part in (*_PARTS, WHOLE):
        for kind in ("images", "labels"):
            place = folder / kind / part
            place.mkdir(parents=True, exist_ok=True)
            for old in place.iterdir():
                if old.stem.isdigit() and old.suffix in (".jpg", ".txt"):
                    old.unlink()
        (folder / "labels" / f"{part}.cache").unlink(missing_ok=True)


def _held_out(count: int, run: int) -> npt.NDArray[np.bool_]:
    """Choose the validation pictures: one run in every few; if there are few, the last."""
    rows = np.arange(count)
    chosen: npt.NDArray[np.bool_] = (rows // run) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    if not chosen.any() and count > 1:
        chosen = rows >= count - -(-count // _HELD_OUT_EVERY)
    return chosen


def _save(picture: Picture, folder: Path, part: str, name: str) -> None:
    encoded = cv2.imencode(".jpg", picture.image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    (folder / "images" / part / f"{name}.jpg").write_bytes(encoded.tobytes())
    boxes = picture.boxes / np.tile(np.array(picture.image.shape[1::-1], np.float32), 2)
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    lines = [
        "0 " + " ".join(f"{value:.6f}" for value in row)
        for row in np.concatenate([centres, sides], axis=1).tolist()
    ]
    (folder / "labels" / part / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
