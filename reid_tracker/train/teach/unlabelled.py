"""Unlabelled crops of people: cut out of pictures and clips, and recombined from labelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reid_tracker.detect import build_detector
from reid_tracker.encode.base import Crops
from reid_tracker.train.detector.cutouts import cut_out_person
from reid_tracker.train.detector.pictures import read_yolo_pictures
from reid_tracker.train.images import CropSource, resize_image
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.train.teach.backgrounds import random_window
from reid_tracker.types import Boxes, ImageBGR
from reid_tracker.video import open_source

_CONFIDENCE = 0.5
_BLEND_PX = 12
_WAIST = (0.35, 0.6)
"""Heights at which two bodies are joined, as parts of the crop's height."""


def collect_people(recipe: TeacherRecipe, size: tuple[int, int]) -> Crops:
    """Cut all people out of the recipe's pictures and clips.

    Returns:
        (M, H, W, 3) uint8 BGR.

    Raises:
        ReidTrackerError: a folder, clip or the detector cannot be used.
    """
    parts = [np.empty((0, *size, 3), np.uint8)]
    for folder in recipe.box_folders:
        parts += [
            _cut(picture.image, picture.boxes, recipe.min_height_px, size)
            for picture in read_yolo_pictures(Path(folder))
        ]
    if recipe.videos:
        detector = build_detector(recipe.detector, conf=_CONFIDENCE)
        for video in recipe.videos:
            with open_source(video, stride=recipe.frame_step) as source:
                for frame in source:
                    boxes = detector.detect(frame.image).boxes
                    parts.append(_cut(frame.image, boxes, recipe.min_height_px, size))
    return np.concatenate(parts)


def recombine(
    images: CropSource,
    count: int,
    size: tuple[int, int],
    seed: int,
    *,
    backgrounds: Sequence[ImageBGR] = (),
    new_background: float = 0.0,
) -> Crops:
    """Synthesise people: the upper body of one, the lower body of another, each recoloured.

    They add far more combinations of clothes than a small data set has. A teacher can embed each of
    them, since distillation needs no identity.

    Args:
        images: the people to recombine.
        count: number of crops to make.
        size: (height, width) of the result.
        seed: seed of all random numbers.
        backgrounds: pictures without people.
        new_background: share of the people that get one of these backgrounds.

    Returns:
        (count, H, W, 3) uint8 BGR.
    """
    made = np.empty((count, *size, 3), np.uint8)

    def fill(row: int) -> None:
        generator = np.random.default_rng([seed, row])
        pair = generator.integers(len(images), size=2)
        upper, lower = images.take(pair, size)
        person = _joined(upper, lower, generator)
        if len(backgrounds) and generator.random() < new_background:
            background = backgrounds[int(generator.integers(len(backgrounds)))]
            person = _before(background, person, size, generator)
        made[row] = _degrade(person, generator)

    # Each row has its own generator, so the number of threads does not change the result.
    with ThreadPoolExecutor() as threads:
        for _ in threads.map(fill, range(count)):
            pass
    return made


def _joined(upper: ImageBGR, lower: ImageBGR, generator: np.random.Generator) -> ImageBGR:
    """Join the upper half of one person and the lower half of another, each recoloured."""
    if generator.random() < 0.5:
        lower = lower[:, ::-1]
    if generator.random() < 0.3:
        lower = upper
    upper, lower = (_recolour(part, generator) for part in (upper, lower))
    height = len(upper)
    seam = generator.uniform(*_WAIST) * height
    weight = np.clip((np.arange(height) - seam) / _BLEND_PX + 0.5, 0, 1)[:, None, None]
    joined: ImageBGR = np.rint((1 - weight) * upper + weight * lower).astype(np.uint8)
    return joined


def _before(
    background: ImageBGR, person: ImageBGR, size: tuple[int, int], generator: np.random.Generator
) -> ImageBGR:
    """Paste a cut-out person onto a background, with margins as in a detector's boxes."""
    cutout = cut_out_person(person)
    height, width = size
    tall = round(height * generator.uniform(0.8, 1.0))
    part = random_window(background, height / width, generator)
    scene = resize_image(part, size).astype(np.float32)
    if cutout is None:
        return person
    wide = min(width, round(cutout.image.shape[1] * tall / cutout.image.shape[0]))
    image = cv2.resize(cutout.image, (wide, tall), interpolation=cv2.INTER_LINEAR)
    alpha = cv2.resize(cutout.alpha, (wide, tall), interpolation=cv2.INTER_LINEAR)[..., None]
    top = int(generator.integers(height - tall + 1))
    left = int(generator.integers(width - wide + 1))
    place = np.s_[top : top + tall, left : left + wide]
    scene[place] += alpha * (image.astype(np.float32) - scene[place])
    joined: ImageBGR = np.rint(scene).astype(np.uint8)
    return joined


def _recolour(image: ImageBGR, generator: np.random.Generator) -> ImageBGR:
    """Change hue, saturation and brightness of 70 %."""
    if generator.random() < 0.3:
        return image
    hsv = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2HSV).astype(np.float32)
    hsv[..., 0] = (hsv[..., 0] + generator.uniform(0, 180)) % 180
    hsv[..., 1] *= generator.uniform(0.5, 1.8)
    hsv[..., 2] = 255 * (hsv[..., 2] / 255) ** generator.uniform(0.5, 1.8)
    recoloured: npt.NDArray[np.uint8] = np.clip(hsv, 0, 255).astype(np.uint8)
    return np.asarray(cv2.cvtColor(recoloured, cv2.COLOR_HSV2BGR), np.uint8)


def _degrade(image: ImageBGR, generator: np.random.Generator) -> ImageBGR:
    """Blur some, as if far away."""
    if generator.random() > 0.3:
        return image
    height, width = image.shape[:2]
    scale = generator.uniform(0.2, 0.8)
    small = resize_image(image, (round(height * scale), round(width * scale)))
    return resize_image(small, (height, width))


def _cut(image: ImageBGR, boxes: Boxes, min_height: int, size: tuple[int, int]) -> Crops:
    """Cut out the upright boxes that are high enough."""
    limits = np.array(image.shape[1::-1])
    crops = []
    corners = np.clip(np.rint(boxes).astype(int), 0, np.tile(limits, 2))
    for left, top, right, bottom in corners.tolist():
        if bottom - top >= min_height and bottom - top >= 1.2 * (right - left) > 0:
            crops.append(resize_image(image[top:bottom, left:right], size))
    return np.stack(crops) if crops else np.empty((0, *size, 3), np.uint8)
