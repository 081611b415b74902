"""Unlabelled crops of people: cut out of pictures and clips, and recombined from labelled ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.detect import build_detector
from reid_tracker.errors import InputError
from reid_tracker.train.images import Crops, CropSource, read_image, resize_crops
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.types import Boxes, ImageBGR
from reid_tracker.video import open_source

_PERSON = 0
_CONFIDENCE = 0.5
_BLEND_PX = 12
_WAIST = (0.35, 0.6)
"""Where two bodies are joined, as parts of the height."""


def collect_people(recipe: TeacherRecipe, size: tuple[int, int]) -> Crops:
    """Cut all people out of the recipe's pictures and clips.

    Returns:
        (M, H, W, 3) uint8 BGR.

    Raises:
        ReidTrackerError: a folder, clip or the detector cannot be used.
    """
    parts = [np.empty((0, *size, 3), np.uint8)]
    for folder in recipe.box_folders:
        for image, boxes in read_yolo_folder(Path(folder)):
            parts.append(_cut(image, boxes, recipe.min_height_px, size))
    if recipe.videos:
        detector = build_detector(recipe.detector, conf=_CONFIDENCE)
        for video in recipe.videos:
            with open_source(video, stride=recipe.frame_step) as source:
                for frame in source:
                    boxes = detector.detect(frame.image).boxes
                    parts.append(_cut(frame.image, boxes, recipe.min_height_px, size))
    return np.concatenate(parts)


def read_yolo_folder(folder: Path) -> Iterator[tuple[ImageBGR, Boxes]]:
    """Yield pictures of a data set in YOLO form with the boxes of their people.

    Args:
        folder: holds images/ and labels/ with the same files below; label lines are class, centre
            x, centre y, width and height, as parts of the picture.

    Raises:
        InputError: there is no label file.
    """
    files = sorted((folder / "labels").rglob("*.txt"))
    if not files:
        raise InputError(f"{folder}: no label file below labels/; expected a data set in YOLO form")
    for labels in files:
        rows = np.atleast_2d(np.loadtxt(labels, ndmin=2, dtype=np.float32).reshape(-1, 5))
        people = rows[rows[:, 0] == _PERSON, 1:]
        picture = folder / "images" / labels.relative_to(folder / "labels")
        files_there = [
            path for end in (".jpg", ".png") if (path := picture.with_suffix(end)).is_file()
        ]
        if not files_there or not len(people):
            continue
        image = read_image(files_there[0])
        centres, sides = people[:, :2], people[:, 2:]
        scale = np.tile(np.array(image.shape[1::-1], np.float32), 2)
        yield image, np.concatenate([centres - sides / 2, centres + sides / 2], axis=1) * scale


def recombine(
    images: CropSource, count: int, size: tuple[int, int], generator: np.random.Generator
) -> Crops:
    """Synthesise people: the upper body of one, the lower body of another, each recoloured.

    They widen the variety of clothes far beyond a small data set's, and the teacher can describe
    each, because a description needs no identity.

    Returns:
        (count, H, W, 3) uint8 BGR.
    """
    made = np.empty((count, *size, 3), np.uint8)
    pairs = generator.integers(len(images), size=(count, 2))
    for row, pair in enumerate(pairs):
        upper, lower = images.take(pair, size)
        if generator.random() < 0.5:
            lower = lower[:, ::-1]
        if generator.random() < 0.3:
            lower = upper
        upper, lower = (_recolour(part, generator) for part in (upper, lower))
        seam = generator.uniform(*_WAIST) * size[0]
        weight = np.clip((np.arange(size[0]) - seam) / _BLEND_PX + 0.5, 0, 1)[:, None, None]
        joined = (1 - weight) * upper + weight * lower
        made[row] = _degrade(np.rint(joined).astype(np.uint8), generator)
    return made


def _recolour(image: ImageBGR, generator: np.random.Generator) -> ImageBGR:
    """Turn the hue, and change saturation and brightness; three in ten stay as they are."""
    if generator.random() < 0.3:
        return image
    hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + generator.uniform(0, 180)) % 180
    hsv[..., 1] *= generator.uniform(0.5, 1.8)
    hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** generator.uniform(0.5, 1.8)
    recoloured: npt.NDArray[np.uint8] = np.clip(hsv, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(recoloured, cv2.COLOR_HSV2BGR), np.uint8)


def _degrade(image: ImageBGR, generator: np.random.Generator) -> ImageBGR:
    """Blur some as if they were far away."""
    if generator.random() > 0.3:
        return image
    height, width = image.shape[:2]
    scale = generator.uniform(0.2, 0.8)
    small = resize_crops(image[None], (round(height * scale), round(width * scale)))
    return np.asarray(resize_crops(small, (height, width))[0], np.uint8)


def _cut(image: ImageBGR, boxes: Boxes, min_height: int, size: tuple[int, int]) -> Crops:
    """Cut out the upright boxes that are high enough."""
    limits = np.array(image.shape[1::-1])
    crops = []
    corners = np.clip(np.rint(boxes).astype(int), 0, np.tile(limits, 2))
    for left, top, right, bottom in corners.tolist():
        if bottom - top >= min_height and bottom - top >= 1.2 * (right - left) > 0:
            crops.append(resize_crops(image[None, top:bottom, left:right], size)[0])
    return np.stack(crops) if crops else np.empty((0, *size, 3), np.uint8)
