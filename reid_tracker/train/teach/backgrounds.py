"""Pictures without people, as new backgrounds for cut-out people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.train.detector.pictures import read_yolo_pictures
from reid_tracker.types import ImageBGR


def read_backgrounds(folders: Sequence[str], key: str) -> list[ImageBGR]:
    """Return the pictures without people of data sets in YOLO form.

    Args:
        folders: the data sets.
        key: key of the recipe, for the error message.

    Raises:
        InputError: a folder cannot be used, or every picture shows people.
    """
    found = [
        picture.image
        for folder in folders
        for picture in read_yolo_pictures(Path(folder))
        if not len(picture.boxes)
    ]
    if not found:
        raise InputError(
            f"new backgrounds need pictures without people, and {key} has none; add a folder "
            "with some, or turn new backgrounds off"
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
