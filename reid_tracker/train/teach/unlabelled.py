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
from reid_tracker.train.detector.pictures import read_yolo_pictures
from reid_tracker.train.images import CropSource, resize_image
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.train.teach.backgrounds import random_window
from reid_tracker.train.teach.outlines import Outlines
from reid_tracker.types import Boxes, ImageBGR
from reid_tracker.video import open_source

_CONFIDENCE = 0.5
_BLEND_PX = 12
_WAIST = (0.35, 0.6)
"""Heights at which two bodies are joined, as parts of the crop's height."""

_SCALE = (0.8, 1.0)
"""Sizes of people on a new background, as parts of their own."""

_Floats = npt.NDArray[np.float32]


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
    outlines: Outlines | None = None,
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
        outlines: of the images; needed for new backgrounds only.
        backgrounds: pictures without people.
        new_background: share of the people that get one of these backgrounds; a person without
            outline keeps the old one.

    Returns:
        (count, H, W, 3) uint8 BGR.
    """
    made = np.empty((count, *size, 3), np.uint8)

    def fill(row: int) -> None:
        generator = np.random.default_rng([seed, row])
        above, below = generator.integers(len(images), size=2).tolist()
        below = above if generator.random() < 0.3 else below
        mirrored = generator.random() < 0.5
        weight = _lower_weight(size[0], generator)

        def join(upper: _Floats | ImageBGR, lower: _Floats | ImageBGR) -> _Floats:
            other = lower[:, ::-1] if mirrored else lower
            joined: _Floats = (1 - weight) * upper + weight * other
            return joined

        upper, lower = images.take(np.array([above, below]), size)
        person = join(_recolour(upper, generator), _recolour(lower, generator))
        if outlines is not None and generator.random() < new_background:
            background = backgrounds[int(generator.integers(len(backgrounds)))]
            if outlines[above].any() and outlines[below].any():
                shapes = [_alpha(outlines[one], size) for one in (above, below)]
                person = _before(background, person, join(*shapes), generator)
        made[row] = _degrade(np.rint(person).astype(np.uint8), generator)

    # Each row has a generator of its own, so the number of threads does not change the result.
    with ThreadPoolExecutor() as threads:
        for _ in threads.map(fill, range(count)):
            pass
    return made


def _lower_weight(height: int, generator: np.random.Generator) -> _Floats:
    """Return the weight of the lower body, (height, 1, 1): 0 above the waist and 1 below."""
    waist = generator.uniform(*_WAIST) * height
    weight = np.clip((np.arange(height) - waist) / _BLEND_PX + 0.5, 0, 1)
    return weight[:, None, None].astype(np.float32)


def _alpha(outline: npt.NDArray[np.uint8], size: tuple[int, int]) -> _Floats:
    """Resize an outline to (H, W, 1), 1 on the person and 0 elsewhere."""
    resized = cv2.resize(outline, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)[..., None] / np.float32(255)


def _before(
    background: ImageBGR,
    person: _Floats,
    alpha: _Floats,
    generator: np.random.Generator,
) -> _Floats:
    """Paste a person onto a background, with the margins of a detector.

    Args:
        background: of any size.
        person: (H, W, 3).
        alpha: (H, W, 1), 1 on the person and 0 elsewhere.
        generator: source of randomness.

    Returns:
        (H, W, 3).
    """
    height, width = person.shape[:2]
    part = random_window(background, height / width, generator)
    scene = resize_image(part, (height, width)).astype(np.float32)
    scale = generator.uniform(*_SCALE)
    left, top = generator.random(2) * (1 - scale) * (width, height)
    move = np.array([[scale, 0, left], [0, scale, top]])
    moved = cv2.warpAffine(np.dstack([person, alpha]), move, (width, height))
    pasted: _Floats = scene + moved[..., 3:] * (moved[..., :3] - scene)
    return pasted


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
