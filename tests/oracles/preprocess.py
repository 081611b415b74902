"""Crop preprocessing written plainly, one crop and one channel at a time, to compare with."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def window(box: npt.NDArray[np.float32], width: int, height: int) -> tuple[int, int, int, int]:
    left = min(max(float(box[0]), 0.0), float(width))
    top = min(max(float(box[1]), 0.0), float(height))
    right = min(max(float(box[2]), 0.0), float(width))
    bottom = min(max(float(box[3]), 0.0), float(height))
    if right <= left or bottom <= top:
        return 0, 0, 0, 0
    x1, y1 = math.floor(left), math.floor(top)
    x2, y2 = math.floor(right), math.floor(bottom)
    if x2 <= x1:
        x2 = x1 + 1
    if y2 <= y1:
        y2 = y1 + 1
    return x1, y1, x2, y2


def crop(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], height: int, width: int
) -> npt.NDArray[np.uint8]:
    x1, y1, x2, y2 = window(box, image.shape[1], image.shape[0])
    if x2 == x1:
        return np.zeros((height, width, 3), np.uint8)
    patch = np.ascontiguousarray(image[y1:y2, x1:x2])
    return np.asarray(cv2.resize(patch, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def network_input(
    image: npt.NDArray[np.uint8], box: npt.NDArray[np.float32], height: int, width: int
) -> npt.NDArray[np.float32]:
    patch = crop(image, box, height, width)
    rgb = cv2.cvtColor(patch, cv2.COLOR_BGR2RGB)
    planes = []
    for channel in range(3):
        values = rgb[:, :, channel].astype(np.float64) / 255
        planes.append((values - MEAN[channel]) / STD[channel])
    return np.stack(planes).astype(np.float32)
