"""Labelled people before other backgrounds: a data set of two cameras has only two of its own.

A net that sees each person before the same wall learns the wall too. Outlines are found once and
kept beside the run; which background a person gets is drawn anew in every step.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.errors import InputError
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.detector.cutouts import outline_person
from reid_tracker.train.detector.pictures import read_yolo_pictures
from reid_tracker.train.images import Crops, CropSource, resize_image
from reid_tracker.types import ImageBGR

logger = logging.getLogger(__name__)

Outlines = npt.NDArray[np.uint8]
"""(N, H, W) 255 on the person and 0 beside it; all 0 where no outline was found."""

_CHUNK = 256


class Backgrounds:
    """Puts people before parts of pictures that show nobody.

    Args:
        outlines: of the training images.
        pictures: (h, w, 3) uint8 BGR, of any sizes.

    Attributes:
        outlines: as given.
    """

    def __init__(self, outlines: Outlines, pictures: Sequence[ImageBGR]) -> None:
        self.outlines = outlines
        self._pictures = pictures

    def replace(
        self,
        crops: Crops,
        rows: npt.NDArray[np.int64],
        probability: float,
        generator: np.random.Generator,
    ) -> Crops:
        """Return crops, of which some have another background.

        Args:
            crops: (n, H, W, 3) uint8 BGR.
            rows: (n,) their row numbers among the training images.
            probability: for each of them; a person without outline stays as it is.
            generator: source of randomness.
        """
        size = (crops.shape[1], crops.shape[2])
        chosen = np.nonzero(generator.random(len(crops)) < probability)[0]
        crops = crops.copy()
        for place in chosen.tolist():
            picture = self._pictures[int(generator.integers(len(self._pictures)))]
            part = random_window(picture, size[0] / size[1], generator)
            outline = self.outlines[rows[place]]
            if not outline.any():
                continue
            scene = resize_image(part, size).astype(np.float32)
            alpha = cv2.resize(outline, size[::-1], interpolation=cv2.INTER_LINEAR)
            weight = alpha[..., None].astype(np.float32) / 255
            crops[place] = np.rint(scene + weight * (crops[place] - scene)).astype(np.uint8)
        return crops


def open_backgrounds(
    images: CropSource, folders: Sequence[str], size: tuple[int, int], folder: Path
) -> Backgrounds:
    """Find the outlines of all training images, or read what was found before.

    Args:
        images: the training images.
        folders: data sets in YOLO form; their pictures without people are the backgrounds.
        size: (height, width) at which outlines are kept.
        folder: where they are kept.

    Raises:
        InputError: a folder cannot be used, or no picture is without people.
    """
    pictures = read_backgrounds(folders, "augment.background_folders")
    first = images.take(np.arange(min(8, len(images))), size)
    key = hashlib.sha256(f"{len(images)} {size} ".encode() + first.tobytes()).hexdigest()[:16]
    file = folder / f"outlines-{key}.npy"
    if not file.is_file():
        logger.info("finding the outlines of %d people", len(images))
        folder.mkdir(parents=True, exist_ok=True)
        outlines = np.concatenate(
            [
                _outlines(images.take(np.arange(start, min(start + _CHUNK, len(images))), size))
                for start in range(0, len(images), _CHUNK)
            ]
        )
        write_atomically(file, lambda opened: np.save(opened, outlines))
    return Backgrounds(np.load(file, mmap_mode="r"), pictures)


def read_backgrounds(folders: Sequence[str], key: str) -> list[ImageBGR]:
    """Return the pictures without people of data sets in YOLO form.

    Args:
        folders: the data sets.
        key: of the recipe that names them, for the message.

    Raises:
        InputError: a folder cannot be used, or there is none.
    """
    found = [
        picture.image
        for folder in folders
        for picture in read_yolo_pictures(Path(folder))
        if not len(picture.boxes)
    ]
    if not found:
        raise InputError(
            f"another background needs pictures without people, and {key} has none; add a folder "
            "of some, or ask for no other backgrounds"
        )
    return found


def random_window(image: ImageBGR, aspect: float, generator: np.random.Generator) -> ImageBGR:
    """Cut a random upright window, `aspect` = height / width, out of a picture."""
    height, width = image.shape[:2]
    tall = min(height, width * aspect) * generator.uniform(0.4, 1.0)
    wide = tall / aspect
    top = int(generator.uniform(0, height - tall))
    left = int(generator.uniform(0, width - wide))
    return image[top : top + max(1, int(tall)), left : left + max(1, int(wide))]


def _outlines(crops: Crops) -> Outlines:
    found = np.zeros(crops.shape[:3], np.uint8)
    for row, crop in enumerate(crops):
        outline = outline_person(crop)
        if outline is not None:
            wide = cv2.resize(outline, (crop.shape[1], crop.shape[0]))
            found[row] = np.rint(255 * wide)
    return found
