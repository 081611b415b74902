"""Random rectangles inside an image, for random erasing and random patch."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

_ATTEMPTS = 100


def random_rectangles(
    count: int,
    size: tuple[int, int],
    area: tuple[float, float],
    ratio: float,
    generator: Generator,
) -> Tensor:
    """Draw rectangles that are smaller than the image in both directions.

    Area and ratio are drawn uniformly, again and again until the rectangle fits, at most 100 times.

    Args:
        count: B.
        size: height and width of the image.
        area: minimum and maximum share of the image's area.
        ratio: minimum of height over width; the maximum is its inverse.
        generator: source of randomness.

    Returns:
        (B, 4) int64 top, left, height, width; height and width are 0 where no attempt fitted.
    """
    height, width = size
    draws = torch.rand(count, _ATTEMPTS, 2, generator=generator)
    areas = (area[0] + (area[1] - area[0]) * draws[..., 0]) * (height * width)
    ratios = ratio + (1 / ratio - ratio) * draws[..., 1]
    heights = (areas * ratios).sqrt().round().long()
    widths = (areas / ratios).sqrt().round().long()
    fits = (heights < height) & (widths < width)
    first = fits.long().argmax(1, keepdim=True)
    found = fits.gather(1, first)[:, 0]
    heights = torch.where(found, heights.gather(1, first)[:, 0], 0)
    widths = torch.where(found, widths.gather(1, first)[:, 0], 0)
    places = torch.rand(count, 2, generator=generator)
    tops = (places[:, 0] * (height - heights + 1)).long()
    lefts = (places[:, 1] * (width - widths + 1)).long()
    return torch.stack([tops, lefts, heights, widths], dim=1)
