"""Crops as arrays: decoded once if they fit in memory, otherwise read on demand."""

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

from reid_tracker.encode.base import Crops
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.types import ImageBGR
from reid_tracker.video.images import read_picture

_READERS = 4
_MORE_PIXELS = 1.5
_GIB = 2**30


class CropSource(Protocol):
    """A source of crops by row number."""

    def __len__(self) -> int: ...

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return (n, H, W, 3) uint8 BGR crops of `size` = (height, width)."""


class MemoryCrops:
    """Crops in memory, or in a memory-mapped file.

    Args:
        crops: N crops, (h, w, 3) uint8 BGR, of any sizes; or an array of them.
    """

    def __init__(self, crops: Sequence[ImageBGR] | Crops) -> None:
        self._crops = crops

    def __len__(self) -> int:
        return len(self._crops)

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return crops by row number, resized."""
        taken = np.empty((len(rows), *size, 3), np.uint8)
        for row, target in zip(rows.tolist(), taken, strict=True):
            resize_image(self._crops[row], size, target)
        return taken


class RowsOf:
    """Some rows of a source.

    Args:
        source: a source of crops.
        rows: row numbers in the source.
    """

    def __init__(self, source: CropSource, rows: range) -> None:
        self._source = source
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return crops by row number, resized."""
        return self._source.take(rows + self._rows.start, size)


class StackedCrops:
    """Several sources as one.

    Args:
        sources: their rows follow each other.
    """

    def __init__(self, sources: Sequence[CropSource]) -> None:
        self._sources = sources
        self._ends = np.cumsum([len(source) for source in sources])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: npt.NDArray[np.int64], size: tuple[int, int]) -> Crops:
        """Return crops by row number, resized."""
        taken = np.empty((len(rows), *size, 3), np.uint8)
        owners = np.searchsorted(self._ends, rows, side="right")
        for number, source in enumerate(self._sources):
            mine = owners == number
            taken[mine] = source.take(rows[mine] - (self._ends[number] - len(source)), size)
        return taken


class FileCrops:
    """Crops in image files, read on demand.

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
        size: maximum (height, width) that will be requested; files with many more pixels are
            reduced to it, others keep their size.
        cache_gib: maximum memory for the images, computed as if all had that size.

    Raises:
        InputError: a file cannot be decoded.
    """
    if len(paths) * size[0] * size[1] * 3 > cache_gib * _GIB:
        return FileCrops(paths)
    with ThreadPoolExecutor(_READERS) as readers:
        return MemoryCrops(list(readers.map(lambda path: _read_reduced(path, size), paths)))


def read_crop(path: Path, size: tuple[int, int]) -> ImageBGR:
    """Read an image and resize it to (height, width), bilinear, as the encoder does.

    Raises:
        InputError: the file cannot be decoded.
    """
    return resize_image(read_picture(path), size)


def _read_reduced(path: Path, size: tuple[int, int]) -> ImageBGR:
    image = read_picture(path)
    pixels = image.shape[0] * image.shape[1]
    return image if pixels <= _MORE_PIXELS * size[0] * size[1] else resize_image(image, size)


def write_image(path: Path, image: ImageBGR) -> None:
    """Write an image file atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    write_atomically(path, cv2.imencode(path.suffix, image)[1].tobytes())


def resize_image(
    image: ImageBGR, size: tuple[int, int], target: ImageBGR | None = None
) -> ImageBGR:
    """Resize (h, w, 3) to (height, width); shrinking by more than 1.5 averages areas.

    Args:
        image: uint8.
        size: size of the result.
        target: where to write it, (height, width, 3) uint8; None makes an array.
    """
    resized = np.empty((*size, 3), np.uint8) if target is None else target
    if image.shape[:2] == size:
        resized[...] = image
    else:
        much_smaller = image.shape[0] > 1.5 * size[0]
        method = cv2.INTER_AREA if much_smaller else cv2.INTER_LINEAR
        cv2.resize(image, size[::-1], dst=resized, interpolation=method)
    return resized


def to_unit_rgb(crops: Crops) -> Tensor:
    """Turn (B, H, W, 3) uint8 BGR crops into (B, 3, H, W) float32 RGB in [0, 1]."""
    return torch.from_numpy(crops).permute(0, 3, 1, 2).flip(1).contiguous().float().div_(255)
