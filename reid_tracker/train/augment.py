"""The augmentations of the paper and of its reference code, on a whole batch at once.

Their order is the reference code's: flip, crop, patch, colour, normalise, erase. Images are
(B, 3, H, W) float32 RGB in [0, 1] up to the normalisation. Each function draws from the generator
that it is given, so that the same generator state gives the same images.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.train.images import Crops, to_unit_rgb
from reid_tracker.train.recipe import AugmentRecipe
from reid_tracker.train.rectangles import random_rectangles

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
ENLARGED = 1.125
"""Scale to which an image is enlarged before a window of the old size is cut out."""

ERASED_AREA = (0.02, 0.4)
ERASED_RATIO = 0.3
_GREY = (0.299, 0.587, 0.114)


def augment(
    crops: Crops,
    recipe: AugmentRecipe,
    generator: Generator,
    paste: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:
    """Vary a batch of crops and make it a network's input.

    Args:
        crops: (B, H, W, 3) uint8 BGR.
        recipe: what to do, and how often.
        generator: source of randomness, on the CPU.
        paste: pastes patches, see `reid_tracker.train.patches`.

    Returns:
        (B, 3, H, W) float32 RGB, ImageNet mean and standard deviation applied.
    """
    images = to_unit_rgb(crops)
    images = random_flip(images, recipe.flip, generator)
    images = random_crop(images, recipe.crop, generator)
    images = random_low_resolution(
        images, recipe.low_resolution, recipe.low_resolution_scale, generator
    )
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


def random_flip(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Mirror images left to right."""
    chosen = _chosen(len(images), probability, generator)
    return torch.where(chosen.view(-1, 1, 1, 1), images.flip(3), images)


def random_crop(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Enlarge by 1.125, bilinear, and cut a window of the old size out."""
    count, channels, height, width = images.shape
    rows = _chosen(count, probability, generator).nonzero()[:, 0]
    large = (round(height * ENLARGED), round(width * ENLARGED))
    tops = torch.randint(large[0] - height + 1, (count,), generator=generator)[rows]
    lefts = torch.randint(large[1] - width + 1, (count,), generator=generator)[rows]
    if not len(rows):
        return images
    enlarged = F.interpolate(images[rows], large, mode="bilinear", align_corners=False)
    vertical = (tops[:, None] + torch.arange(height)).view(-1, 1, height, 1)
    horizontal = (lefts[:, None] + torch.arange(width)).view(-1, 1, 1, width)
    enlarged = enlarged.gather(2, vertical.expand(-1, channels, -1, large[1]))
    images = images.clone()
    images[rows] = enlarged.gather(3, horizontal.expand(-1, channels, height, -1))
    return images


def random_low_resolution(
    images: Tensor, probability: float, least_scale: float, generator: Generator
) -> Tensor:
    """Shrink images and enlarge them again; those chosen in a batch share one scale."""
    rows = _chosen(len(images), probability, generator).nonzero()[:, 0]
    scale = least_scale + (1 - least_scale) * torch.rand((), generator=generator).item()
    if not len(rows):
        return images
    size = images.shape[2:]
    small = [max(1, round(side * scale)) for side in size]
    shrunk = F.interpolate(images[rows], small, mode="bilinear", antialias=True)
    images = images.clone()
    images[rows] = F.interpolate(shrunk, size, mode="bilinear", align_corners=False)
    return images


def colour_jitter(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Change brightness, contrast and saturation by random factors, in a random order.

    Every image has factors of its own; the order is drawn once for the batch.
    """
    steps = (
        (recipe.brightness, _black),
        (recipe.contrast, _mean_grey),
        (recipe.saturation, _grey),
    )
    order = torch.randperm(len(steps), generator=generator).tolist()
    for strength, other in (steps[index] for index in order):
        noise = torch.rand(len(images), 1, 1, 1, generator=generator)
        if strength > 0:
            factors = 1 + strength * (2 * noise - 1)
            images = (factors * images + (1 - factors) * other(images)).clamp(0, 1)
    return images


def other_camera(images: Tensor, recipe: AugmentRecipe, generator: Generator) -> Tensor:
    """Give some images another white balance and gamma, as another camera would.

    Jitter around the true colours does not teach what differs most between cameras: a cast over the
    whole picture.
    """
    chosen = _chosen(len(images), recipe.camera, generator).view(-1, 1, 1, 1)
    noise = 2 * torch.rand(len(images), 4, 1, 1, generator=generator) - 1
    gains = (recipe.white_balance * noise[:, :3]).exp()
    powers = (recipe.gamma * noise[:, 3:]).exp()
    # The floor keeps 0 ** power defined and is below one step of 8 bits.
    seen = (images * gains).clamp(1e-3, 1) ** powers
    return torch.where(chosen, seen, images)


def random_erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Fill a rectangle of 0.02 to 0.4 of the area, height to width between 0.3 and 1 / 0.3.

    As in the reference code this comes after normalisation and fills with the numbers of `MEAN`.
    A rectangle as high or as wide as the image is drawn again, up to 100 times.
    """
    chosen = _chosen(len(images), probability, generator)
    size = (images.shape[2], images.shape[3])
    drawn = random_rectangles(len(images), size, ERASED_AREA, ERASED_RATIO, generator)
    tops, lefts, heights, widths = drawn.view(-1, 4, 1, 1, 1).unbind(1)
    rows = torch.arange(images.shape[2]).view(1, 1, -1, 1)
    columns = torch.arange(images.shape[3]).view(1, 1, 1, -1)
    inside = (rows >= tops) & (rows < tops + heights)
    inside = inside & (columns >= lefts) & (columns < lefts + widths)
    inside &= chosen.view(-1, 1, 1, 1)
    return torch.where(inside, torch.tensor(MEAN).view(1, 3, 1, 1), images)


def _chosen(count: int, probability: float, generator: Generator) -> Tensor:
    return torch.rand(count, generator=generator) < probability


def _black(images: Tensor) -> Tensor:
    return torch.zeros_like(images[:, :1])


def _grey(images: Tensor) -> Tensor:
    return (images * torch.tensor(_GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _mean_grey(images: Tensor) -> Tensor:
    return _grey(images).mean((2, 3), keepdim=True)
