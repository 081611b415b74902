"""People cut out along their outlines, for pasting into other pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError
from reid_tracker.train.detector.recipe import PictureRecipe
from reid_tracker.types import ImageBGR
from reid_tracker.video.images import read_picture

_SUFFIXES = (".jpg", ".jpeg", ".png")
_CROP_HEIGHT = 192
_GRABCUT_ROUNDS = 3
_MIN_COVER, _MAX_COVER = 0.25, 0.75
"""Limits of the share of a crop that a person's outline covers."""
_MIN_MASK_HEIGHT = 60


@dataclass(frozen=True)
class Cutout:
    """A person without background.

    Attributes:
        image: (h, w, 3) uint8 BGR, cropped tightly to the person.
        alpha: (h, w) float32, 1 on the person and 0 elsewhere.
    """

    image: ImageBGR
    alpha: npt.NDArray[np.float32]


def collect_cutouts(recipe: PictureRecipe, generator: np.random.Generator) -> list[Cutout]:
    """Cut out the people that a recipe names, in a fixed order.

    Raises:
        InputError: a folder holds no pictures, or a file is damaged.
    """
    found: list[Cutout] = []
    if recipe.mask_folder:
        found += _from_masks(Path(recipe.mask_folder))
    if recipe.crop_folders and recipe.crops:
        files: list[Path] = []
        for folder in recipe.crop_folders:
            here = [path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES]
            if not here:
                raise InputError(f"{folder}: no pictures; expected crops of people")
            files += sorted(here)
        chosen = generator.permutation(len(files))[: recipe.crops]
        for row in np.sort(chosen).tolist():
            cutout = cut_out_person(read_picture(files[row]))
            if cutout is not None:
                found.append(cutout)
    return found


def _from_masks(folder: Path) -> Iterator[Cutout]:
    masks = sorted((folder / "masks").glob("*.png"))
    found = False
    if not masks:
        raise InputError(f"{folder}: no masks/*.png; expected images/ and masks/ as in Penn-Fudan")
    for file in masks:
        name = file.stem.removesuffix("_mask")
        image_file = next(
            (path for end in _SUFFIXES if (path := folder / "images" / f"{name}{end}").is_file()),
            None,
        )
        if image_file is None:
            continue
        found = True
        image = read_picture(image_file)
        people = read_picture(file)[..., 0]
        if people.shape != image.shape[:2]:
            raise InputError(f"{file}: its size differs from {image_file}")
        for value in np.unique(people[people > 0]).tolist():
            outline = (people == value).astype(np.float32)
            if np.ptp(np.nonzero(outline)[0]) >= _MIN_MASK_HEIGHT:
                yield _tight(image, outline)
    if not found:
        raise InputError(f"{folder}: no picture below images/ for any mask below masks/")


def cut_out_person(crop: ImageBGR) -> Cutout | None:
    """Separate the person of a crop from the background.

    Returns:
        The person; None if the outline cannot be a person's.
    """
    image = _at_crop_height(crop)
    outline = outline_person(image)
    return None if outline is None else _tight(image, outline)


def outline_person(crop: ImageBGR, height: int = _CROP_HEIGHT) -> npt.NDArray[np.float32] | None:
    """Find the outline of the person of a crop by GrabCut.

    A standing person covers the middle of the crop; its borders are background. Rother et al.,
    "GrabCut: interactive foreground extraction using iterated graph cuts", 2004.

    Args:
        crop: of one person.
        height: height at which GrabCut works, pixels; its time grows with the square.

    Returns:
        (height, w) float32, 1 on the person and 0 elsewhere; None if the outline cannot be a
        person's.
    """
    image = _at_crop_height(crop, height)
    width = image.shape[1]
    mask = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)

    def fill(left: float, right: float, top: float, bottom: float, value: int) -> None:
        rows = slice(round(top * height), round(bottom * height))
        mask[rows, round(left * width) : round(right * width)] = value

    fill(0.2, 0.8, 0.03, 0.99, cv2.GC_PR_FGD)
    fill(0.42, 0.58, 0.08, 0.6, cv2.GC_FGD)
    fill(0.0, 0.05, 0.0, 1.0, cv2.GC_BGD)
    fill(0.95, 1.0, 0.0, 1.0, cv2.GC_BGD)
    cv2.setRNGSeed(0)  # GrabCut starts from random cluster centres
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(
        image,
        mask,
        None,
        background,
        foreground,
        _GRABCUT_ROUNDS,
        cv2.GC_INIT_WITH_MASK,  # type: ignore[call-overload]
    )
    outline = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(outline)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    person: npt.NDArray[np.float32] = (labels == largest).astype(np.float32)
    tall = stats[largest, cv2.CC_STAT_HEIGHT] > 0.75 * height
    if not tall or not _MIN_COVER < person.mean() < _MAX_COVER:
        return None
    return person


def _at_crop_height(crop: ImageBGR, height: int = _CROP_HEIGHT) -> ImageBGR:
    width = max(16, round(crop.shape[1] * height / crop.shape[0]))
    if crop.shape[:2] == (height, width):
        return crop
    resized = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)


def _tight(image: ImageBGR, outline: npt.NDArray[np.float32]) -> Cutout:
    rows, columns = np.nonzero(outline)
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    alpha = np.asarray(cv2.GaussianBlur(outline[window], (3, 3), 0), np.float32)
    return Cutout(np.ascontiguousarray(image[window]), alpha)
