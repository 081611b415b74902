"""Crops as networks take them: cut, resized, RGB, normalised, channels first.

Cutting is the only step that needs one call per box. The rest runs on the whole chunk at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.encode.base import Crops
from reid_tracker.geometry import clip_boxes
from reid_tracker.types import Boxes, ImageBGR

PERSON_SIZE = (256, 128)
"""Height and width of OSNet's input in pixels."""


@dataclass(frozen=True)
class Normalisation:
    """Mean and standard deviation that a network was trained with.

    Attributes:
        mean: of red, green and blue, where a channel lies in [0, 1].
        std: likewise.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)

    @property
    def scale(self) -> Float32Array:
        """(3,) factors that turn [0, 255] into [0, 1] / std."""
        return np.asarray(1 / (255 * np.array(self.std)), np.float32)

    @property
    def offset(self) -> Float32Array:
        """(3,) numbers to add after scaling."""
        return np.asarray(-np.array(self.mean) / np.array(self.std), np.float32)


IMAGENET = Normalisation()
RAW = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Of a network that takes [0, 1] and normalises by itself."""


@dataclass(frozen=True)
class Cropping:
    """What is cut out for a box; the defaults follow torchreid's deployments.

    Attributes:
        rounded: round edges to the nearest pixel, as BoxMOT does, instead of truncating them.
        scale: width and height are multiplied by it, about the centre.
        padding: pixels added to the width and the height after that. ultralytics has 1.02 and 10.
        rgb: frames are RGB, as those of PIL and most hosts but OpenCV.
    """

    rounded: bool = False
    scale: float = 1.0
    padding: float = 0.0
    rgb: bool = False

    def widened(self, boxes: Boxes) -> Boxes:
        """Return (N, 4) boxes with scale and padding."""
        if self.scale == 1 and self.padding == 0:
            return boxes
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        halves = ((boxes[:, 2:] - boxes[:, :2]) * self.scale + self.padding) / 2
        wide: Boxes = np.concatenate([centres - halves, centres + halves], axis=1, dtype=np.float32)
        return wide


def pixel_windows(boxes: Boxes, width: int, height: int, *, rounded: bool = False) -> IntArray:
    """Turn boxes into the pixels that are cut out.

    Edges are clipped to the frame and then truncated, as common ReID pipelines do it, or `rounded`:
    left and top are part of the crop, right and bottom are not. A box with any area inside the
    frame gets at least one pixel in each direction.

    Returns:
        (N, 4) left, top, right, bottom; all zero for a box that has no area inside the frame.
    """
    clipped = clip_boxes(boxes, width, height)
    windows = (np.rint(clipped) if rounded else clipped).astype(np.int64)
    windows[:, :2] = np.minimum(windows[:, :2], (width - 1, height - 1))
    windows[:, 2:] = np.maximum(windows[:, 2:], windows[:, :2] + 1)
    windows[(clipped[:, 2:] <= clipped[:, :2]).any(axis=1)] = 0
    return windows


def cut_crops(image: ImageBGR, boxes: Boxes, out: Crops, cropping: Cropping = Cropping()) -> None:
    """Cut boxes out of a frame and resize each, bilinear, without keeping its aspect.

    Args:
        image: (H, W, 3) uint8, BGR unless `cropping` says RGB.
        boxes: (n, 4) float32 xyxy, finite; may leave the frame.
        out: (n, h, w, 3) uint8 BGR, filled here; black if a box has no area inside the frame.
        cropping: how.
    """
    height, width = out.shape[1:3]
    size = image.shape[1], image.shape[0]
    windows = pixel_windows(cropping.widened(boxes), *size, rounded=cropping.rounded)
    for (left, top, right, bottom), crop in zip(windows.tolist(), out, strict=True):
        if right > left:
            # dst: straight into the chunk, no copy
            part = image[top:bottom, left:right]
            cv2.resize(part, (width, height), dst=crop, interpolation=cv2.INTER_LINEAR)
        else:
            crop[...] = 0
        if cropping.rgb:
            cv2.cvtColor(crop, cv2.COLOR_RGB2BGR, dst=crop)


def normalise(crops: Crops, normalisation: Normalisation = IMAGENET) -> Float32Array:
    """Turn (n, H, W, 3) uint8 BGR crops into (n, 3, H, W) float32 RGB, normalised.

    One converting copy followed by in-place arithmetic: measured faster than lookup tables, torch,
    cv2.dnn.blobFromImages, and the same steps put in front of the network inside its ONNX graph.
    """
    planes: Float32Array
    planes = crops[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32, order="C")
    planes *= normalisation.scale[:, None, None]
    planes += normalisation.offset[:, None, None]
    return planes
