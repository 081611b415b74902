"""The augmentations of the paper and of its reference code, on a whole batch at once.

Their order is the reference code's: flip, crop, patch, colour, normalise, erase. Those that move
pixels work on (B, H, W, 3) uint8 BGR crops, which OpenCV resizes ten times as fast as PyTorch
resizes floats. The others work on (B, 3, H, W) float32 RGB images, in [0, 1] up to the
normalisation. Each function draws from the given generator: the same generator state gives the
same images.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import torch
from torch import Generator, Tensor

from reid_tracker.encode.base import Crops
from reid_tracker.train.batches.rectangles import random_rectangles
from reid_tracker.train.images import resize_image, to_unit_rgb
from reid_tracker.train.recipe import AugmentRecipe

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
ENLARGED = 1.125
"""Factor by which an image is enlarged before a window of its old size is cut out."""

ERASED_AREA = (0.02, 0.4)
ERASED_RATIO = 0.3
_GREY = (0.299, 0.587, 0.114)


def augment(
    crops: Crops,
    recipe: AugmentRecipe,
    generator: Generator,
    paste: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Augment a batch of crops and convert it to network input.

    Args:
        crops: (B, H, W, 3) uint8 BGR.
        recipe: probabilities and ranges of the augmentations.
        generator: source of randomness, on the CPU.
        paste: pastes patches, see `reid_tracker.train.batches.patches`.

    Returns:
        (B, 3, H, W) float32 RGB, ImageNet mean and standard deviation applied.
    """
    crops = random_flip(crops, recipe.flip, generator)
    crops = random_crop(crops, recipe.crop, generator)
    crops = random_low_resolution(
        crops, recipe.low_resolution, recipe.low_resolution_scale, generator
    )
    images = to_unit_rgb(crops)
    if paste is not None:
        images = paste(images)
    images = colour_jitter(images, recipe, generator)
    if recipe.camera > 0:
        images = other_camera(images, recipe, generator)
    return random_erase(standardise(images), recipe.erase, generator)


def standardise(images: Tensor) -> Tensor:
    """Apply ImageNet mean and standard deviation to (B, 3, H, W) RGB images in [0, 1]."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def random_flip(crops: Crops, probability: float, generator: Generator) -> Crops:
    """Mirror crops left to right."""
    rows = _chosen(len(crops), probability, generator).numpy()
    crops = crops.copy()
    crops[rows] = crops[rows, :, ::-1]
    return crops


def random_crop(crops: Crops, probability: float, generator: Generator) -> Crops:
    """Enlarge by 1.125 (bilinear), then crop a random window of the original size."""
    count, height, width, _ = crops.shape
    rows = _chosen(count, probability, generator)
    large = (round(height * ENLARGED), round(width * ENLARGED))
    tops = torch.randint(large[0] - height + 1, (count,), generator=generator).tolist()
    lefts = torch.randint(large[1] - width + 1, (count,), generator=generator).tolist()
    crops = crops.copy()
    for row in rows.tolist():
        top, left = tops[row], lefts[row]
        enlarged = resize_image(crops[row], large)
        crops[row] = enlarged[top : top + height, left : left + width]
    return crops


def random_low_resolution(
    crops: Crops, probability: float, min_scale: float, generator: Generator
) -> Crops:
    """Shrink crops by a random factor of at least `min_scale`, and enlarge them again."""
    rows = _chosen(len(crops), probability, generator)
    scales = min_scale + (1 - min_scale) * torch.rand(len(crops), generator=generator)
    size = (crops.shape[1], crops.shape[2])
    crops = crops.copy()
    for row in rows.tolist():
        small = (max(1, round(side * scales[row].item())) for side in size[::-1])
        # Averaging of areas, at any factor: what a pixel of a distant camera sees.
        shrunk = cv2.resize(crops[row], tuple(small), interpolation=cv2.INTER_AREA)
        cv2.resize(shrunk, size[::-1], dst=crops[row], interpolation=cv2.INTER_LINEAR)
    return crops


def colour_jitter(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Change brightness, contrast and saturation by random factors, in a random order.

    Every image has its own factors; the order is drawn once per batch. Each change is linear in the
    colours, so that one matrix per image does all of them; values are clipped at the end.
    """
    strengths = (recipe.brightness, recipe.contrast, recipe.saturation)
    order = torch.randperm(3, generator=generator).tolist()
    noise = torch.rand(3, len(images), 1, 1, generator=generator)
    if not any(strengths):
        return images
    pixels, grey = images.flatten(2), torch.tensor(_GREY)[:, None]
    mean = pixels.mean(2, keepdim=True)
    matrix, offset = torch.eye(3).expand(len(images), 3, 3), torch.zeros_like(mean)
    for index in order:
        factor = 1 + strengths[index] * (2 * noise[index] - 1)
        rest = torch.zeros_like(matrix), torch.zeros_like(offset)
        if index == 1:  # contrast: away from the mean grey
            rest = rest[0], grey.T @ (matrix @ mean + offset)
        elif index == 2:  # saturation: away from the grey of each pixel
            rest = grey.T.expand(3, 3) @ matrix, grey.T.expand(3, 3) @ offset
        matrix = factor * matrix + (1 - factor) * rest[0]
        offset = factor * offset + (1 - factor) * rest[1]
    return torch.baddbmm(offset, matrix, pixels).view_as(images).clamp_(0, 1)


def other_camera(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Simulate another camera: change white balance and gamma of some images.

    Cameras differ mainly by a colour cast over the whole picture, which jitter does not model.
    """
    rows = _chosen(len(images), recipe.camera, generator)
    noise = 2 * torch.rand(len(images), 4, 1, 1, generator=generator)[rows] - 1
    if not len(rows):
        return images
    gains = (recipe.white_balance * noise[:, :3]).exp()
    powers = (recipe.gamma * noise[:, 3:]).exp()
    # The floor keeps 0 ** power defined and is below one step of 8 bits.
    seen = (images[rows] * gains).clamp_(1e-3, 1).pow_(powers)
    return images.index_copy(0, rows, seen)


def random_erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Fill a rectangle of 0.02 to 0.4 of the area, height to width between 0.3 and 1 / 0.3.

    As in the reference code, this follows the normalisation and fills with the values of `MEAN`.
    A rectangle as high or as wide as the image is redrawn, up to 100 times.
    """
    rows = _chosen(len(images), probability, generator)
    size = (images.shape[2], images.shape[3])
    drawn = random_rectangles(len(images), size, ERASED_AREA, ERASED_RATIO, generator)[rows]
    filling = torch.tensor(MEAN).view(3, 1, 1)
    images = images.clone() if len(rows) else images
    for row, (top, left, height, width) in zip(rows.tolist(), drawn.tolist(), strict=True):
        images[row, :, top : top + height, left : left + width] = filling
    return images


def _chosen(count: int, probability: float, generator: Generator) -> Tensor:
    """Draw the rows to change."""
    return (torch.rand(count, generator=generator) < probability).nonzero()[:, 0]
