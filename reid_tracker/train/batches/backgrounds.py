"""New backgrounds for labelled people: a data set of two cameras shows only two backgrounds.

A net that sees each person in front of one wall also learns the wall. Outlines are found once and
cached; every step draws new backgrounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.encode.base import Crops
from reid_tracker.train.images import CropSource, resize_image
from reid_tracker.train.teach.backgrounds import random_window, read_backgrounds
from reid_tracker.train.teach.outlines import Outlines, find_outlines
from reid_tracker.types import ImageBGR


class Backgrounds:
    """Pastes labelled people onto pictures without people.

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
        """Return the crops, some of them with another background.

        Args:
            crops: (n, H, W, 3) uint8 BGR.
            rows: (n,) their row numbers among the training images.
            probability: of a new background; a person without outline keeps the old one.
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
    images: CropSource, parts: Sequence[range], folders: Sequence[str], folder: Path
) -> Backgrounds:
    """Find the outlines of all training images, or read them from the cache.

    Args:
        images: the training images.
        parts: rows of each data set; each data set has its own cache file.
        folders: data sets in YOLO form; their pictures without people are the backgrounds.
        folder: the cache folder.

    Raises:
        InputError: a folder cannot be used, or every picture shows people.
    """
    pictures = read_backgrounds(folders, "augment.background_folders")
    outlines = [find_outlines(images, rows, folder) for rows in parts]
    return Backgrounds(np.concatenate(outlines), pictures)
