"""Crops of all boxes of all pictures by one sampling, as cv2.resize with INTER_LINEAR cuts them.

A crop's pixel is a blend of four pixels of the picture. Like cv2, and unlike roi_align, nothing
outside the crop is blended in, and a crop that shrinks is not smoothed first: encoders were
trained on such crops.
"""

from __future__ import annotations

from typing import Protocol

import torch

from reid_tracker.device.transfer import PixelPool


class CropEdges(Protocol):
    """What is cut out for a box; see `encode.preprocess.Cropping`."""

    @property
    def rounded(self) -> bool:
        """Edges are rounded to the nearest pixel instead of truncated."""

    @property
    def scale(self) -> float:
        """Factor of width and height."""

    @property
    def padding(self) -> float:
        """Pixels added to width and height after that."""


def pixel_windows(
    boxes: torch.Tensor, heights: torch.Tensor, widths: torch.Tensor, edges: CropEdges
) -> torch.Tensor:
    """Turn boxes into the pixels that are cut out; see `encode.preprocess.pixel_windows`.

    Args:
        boxes: (M, 4) float32 xyxy.
        heights: (M,) int64, of each box's picture.
        widths: (M,) int64.
        edges: how.

    Returns:
        (M, 4) int64 left, top, right, bottom; all zero for a box without area in its picture.
    """
    if edges.scale != 1 or edges.padding != 0:
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        halves = ((boxes[:, 2:] - boxes[:, :2]) * edges.scale + edges.padding) / 2
        boxes = torch.cat([centres - halves, centres + halves], dim=1)
    size = torch.stack([widths, heights], dim=1)
    corners = boxes.view(-1, 2, 2).clamp(min=0)
    corners = torch.minimum(corners, size[:, None].float())
    first, last = (corners.round() if edges.rounded else corners).long().unbind(1)
    first = torch.minimum(first, size - 1)
    last = torch.maximum(last, first + 1)
    inside = (corners[:, 1] > corners[:, 0]).all(dim=1, keepdim=True)
    return torch.where(inside, torch.cat([first, last], dim=1), 0)


def sample_crops(
    pool: PixelPool,
    boxes: torch.Tensor,
    numbers: torch.Tensor,
    size: tuple[int, int],
    edges: CropEdges,
) -> torch.Tensor:
    """Cut boxes out of their pictures and resize each, bilinear, without keeping its aspect.

    Args:
        pool: the pictures.
        boxes: (M, 4) float32 xyxy, pixels of their pictures; may leave them.
        numbers: (M,) int64, which picture each lies in.
        size: (height, width) of a crop.
        edges: what is cut out for a box.

    Returns:
        (M, h, w, 3) float32 RGB, whole numbers from 0 to 255; black for a box without area in its
        picture.
    """
    start, height, width, is_rgb = pool.geometry()[numbers].unbind(1)
    windows = pixel_windows(boxes, height, width, edges)
    left, top, right, bottom = windows.unbind(1)
    above, below, down = _places(top, bottom, size[0])
    before, after, across = _places(left, right, size[1])
    across, down = across[:, None, :, None], down[:, :, None, None]

    def pixels(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
        at = start[:, None, None] + rows[:, :, None] * width[:, None, None] + columns[:, None]
        found = pool.pixels.index_select(0, at.reshape(-1))
        return found.view(*at.shape, 3).float()

    upper = torch.lerp(pixels(above, before), pixels(above, after), across)
    lower = torch.lerp(pixels(below, before), pixels(below, after), across)
    crops = torch.lerp(upper, lower, down).round()
    crops = torch.where((right > left)[:, None, None, None], crops, 0)
    if all(pool.rgb):
        return crops
    if not any(pool.rgb):
        return crops.flip(-1)
    return torch.where(is_rgb.bool()[:, None, None, None], crops, crops.flip(-1))


def _places(
    first: torch.Tensor, last: torch.Tensor, count: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return where `count` samples of (M,) windows lie along one axis.

    Returns:
        (M, count) the pixel before each sample, the pixel after it, and the second one's weight.
    """
    steps = torch.arange(count, device=first.device) + 0.5
    length = (last - first).clamp(min=1)[:, None]
    place = steps * (length / count) - 0.5
    place = torch.minimum(place.clamp(min=0), (length - 1).float())
    whole = place.floor()
    low = whole.long()
    high = torch.minimum(low + 1, length - 1)
    return first[:, None] + low, first[:, None] + high, place - whole
