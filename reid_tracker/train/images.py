"""Crops as arrays: decoded once into memory where they fit, read when needed where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from reid_tracker.errors import InputError
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.types import ImageBGR

Crops = npt.NDArray[np.uint8]
"""Crops of one size, (N, H, W, 3) uint8 BGR."""

_READERS = 4
_CHUNK = 256
_GIB = 2**30


class CropSource(Protocol):
    """Anything that gives crops by row number."""

    def __len__(self) -> int: ...

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return (n, H, W, 3) uint8 BGR crops of `size` = (height, width)."""


class MemoryCrops:
    """Crops in memory, or in a memory-mapped file, all of one size.

    Args:
        crops: (N, H, W, 3) uint8 BGR.
    """

    def __init__(self, crops: Crops) -> None:
        self._crops = crops
        self._resized = crops

    def __len__(self) -> int:
        return len(self._crops)

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return crops by row number; a new size is made for all of them, once."""
        if self._resized.shape[1:3] != size:
            self._resized = resize_crops(self._crops, size)
        taken: Crops = self._resized[rows]
        return taken


class FileCrops:
    """Crops in image files, read each time they are asked for.

    Args:
        paths: N files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._readers = ThreadPoolExecutor(_READERS)

    def __len__(self) -> int:
        return len(self._paths)

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Read crops by row number."""
        paths = [self._paths[row] for row in rows.tolist()]
        return np.stack(list(self._readers.map(lambda path: read_crop(path, size), paths)))


def open_crops(paths: Sequence[Path], size: tuple[int, int], cache_gib: float) -> CropSource:
    """Open image files, in memory if they fit.

    Args:
        paths: the files.
        size: greatest (height, width) that will be asked for.
        cache_gib: most memory for them.

    Raises:
        InputError: a file cannot be decoded.
    """
    files = FileCrops(paths)
    if len(paths) * size[0] * size[1] * 3 > cache_gib * _GIB:
        return files
    # Read in parts: a stack of all would need the memory twice.
    crops = np.empty((len(paths), *size, 3), np.uint8)
    for start in range(0, len(paths), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(paths)))
        crops[rows] = files.take(rows, size)
    return MemoryCrops(crops)


def read_crop(path: Path, size: tuple[int, int]) -> Crops:
    """Read an image and resize it to (height, width), bilinear, as the encoder does.

    Raises:
        InputError: the file cannot be decoded.
    """
    crop: Crops = resize_crops(read_image(path)[None], size)[0]
    return crop


def read_image(path: Path) -> ImageBGR:
    """Read an image file, (H, W, 3) uint8 BGR.

    Raises:
        InputError: the file cannot be decoded.
    """
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if image is None:
        raise InputError(f"{path}: not an image, or damaged; remove it or get it again")
    return np.asarray(image, np.uint8)


def write_image(path: Path, image: ImageBGR) -> None:
    """Write an image file, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    write_atomically(path, cv2.imencode(path.suffix, image)[1].tobytes())


def resize_crops(crops: Crops, size: tuple[int, int]) -> Crops:
    """Resize (N, h, w, 3) crops to (height, width); shrinking by more than 1.5 averages areas."""
    if crops.shape[1:3] == size:
        return crops
    much_smaller = crops.shape[1] > 1.5 * size[0]
    method = cv2.INTER_AREA if much_smaller else cv2.INTER_LINEAR
    resized = np.empty((len(crops), *size, 3), np.uint8)
    for crop, target in zip(crops, resized, strict=True):
        cv2.resize(crop, size[::-1], dst=target, interpolation=method)
    return resized


def to_unit_rgb(crops: Crops) -> Tensor:
    """Turn (B, H, W, 3) uint8 BGR crops into (B, 3, H, W) float32 RGB in [0, 1]."""
    return torch.from_numpy(crops).permute(0, 3, 1, 2).flip(1).contiguous().float().div_(255)
