"""The detector's picture: scaled, padded to whole strides and RGB, as ultralytics' LetterBox does.

cv2.resize with INTER_LINEAR and torch's bilinear interpolation sample the same places. Their pixels
differ by rounding, at most one level of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

GREY = 114
"""The padding."""


@dataclass(frozen=True)
class Fit:
    """How a picture lies in the detector's: its size there, and the padding on each side."""

    height: int
    width: int
    top: int
    bottom: int
    left: int
    right: int


def fit(height: int, width: int, side: int, stride: int) -> Fit:
    """Fit a picture into a square of `side` pixels, and cut whole strides of padding off."""
    ratio = min(side / height, side / width)
    inner_height, inner_width = max(round(height * ratio), 1), max(round(width * ratio), 1)
    down, across = (side - inner_height) % stride / 2, (side - inner_width) % stride / 2
    return Fit(
        height=inner_height,
        width=inner_width,
        top=round(down - 0.1),
        bottom=round(down + 0.1),
        left=round(across - 0.1),
        right=round(across + 0.1),
    )


def letterbox(pictures: torch.Tensor, wanted: Fit, *, rgb: bool = False) -> torch.Tensor:
    """Scale and pad pictures.

    Args:
        pictures: (B, H, W, 3) uint8.
        wanted: from `fit`.
        rgb: whether they are RGB; otherwise BGR.

    Returns:
        (B, 3, h, w) float32 RGB in [0, 1].
    """
    planes = pictures.permute(0, 3, 1, 2).float()
    if planes.shape[2:] != (wanted.height, wanted.width):
        size = [wanted.height, wanted.width]
        planes = functional.interpolate(planes, size, mode="bilinear", align_corners=False).round()
    sides = [wanted.left, wanted.right, wanted.top, wanted.bottom]
    planes = functional.pad(planes, sides, value=GREY)
    return (planes if rgb else planes.flip(1)).div(255)


def to_picture(boxes: torch.Tensor, wanted: Fit, height: int, width: int) -> torch.Tensor:
    """Turn (..., 4) xyxy boxes of the detector's picture into pixels of the original, clipped."""
    x, y = wanted.width / width, wanted.height / height
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack(
        [
            ((left - wanted.left) / x).clamp(0, width),
            ((top - wanted.top) / y).clamp(0, height),
            ((right - wanted.left) / x).clamp(0, width),
            ((bottom - wanted.top) / y).clamp(0, height),
        ],
        dim=-1,
    )
