"""The form of all data sets: labelled image files, split into train, query and gallery."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import IntArray
from reid_tracker.errors import InputError

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


_OF_PROGRAMS = {
    *("@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found"),
    *("system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini"),
}
"""Names, in lower case, of files and folders that file managers and storage devices create."""


@dataclass(frozen=True, eq=False)
class PersonImages:
    """Labelled image files, one row per image.

    Attributes:
        paths: N files.
        identities: (N,) int64.
        cameras: (N,) int64.
    """

    paths: tuple[Path, ...]
    identities: IntArray
    cameras: IntArray

    def __post_init__(self) -> None:
        for name in ("identities", "cameras"):
            column = np.asarray(getattr(self, name), np.int64).reshape(-1)
            if len(column) != len(self.paths):
                raise InputError(f"{len(self.paths)} paths but {len(column)} {name}")
            object.__setattr__(self, name, column)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> PersonImages:
        """Select rows by boolean mask or index array."""
        picked = np.arange(len(self))[rows]
        paths = tuple(self.paths[row] for row in picked.tolist())
        return PersonImages(paths, self.identities[picked], self.cameras[picked])

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[Path, int, int]]) -> PersonImages:
        """Build from (path, identity, camera) rows."""
        columns = list(zip(*rows, strict=True)) or [(), (), ()]
        return cls(tuple(columns[0]), np.array(columns[1]), np.array(columns[2]))

    @property
    def identity_count(self) -> int:
        """Number of different identities."""
        return len(np.unique(self.identities))

    def class_labels(self) -> IntArray:
        """Return identities renumbered from 0, in order, for a classifier."""
        return np.unique(self.identities, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, eq=False)
class ReidDataset:
    """A data set: training images, query and gallery.

    Attributes:
        train: without junk and distractors; empty if there is only a test set.
        query: may be empty.
        gallery: may hold distractors, which match no query.
    """

    train: PersonImages
    query: PersonImages
    gallery: PersonImages


def list_images(folder: Path) -> list[Path]:
    """Return the image files directly inside a folder, by name.

    Raises:
        InputError: the folder is missing or holds no image.
    """
    require_folder(folder)
    files = sorted(path for path in folder.iterdir() if is_image(path))
    if not files:
        raise InputError(
            f"{folder}: no image in this folder; expected files such as "
            f"{', '.join(IMAGE_SUFFIXES[:3])}"
        )
    return files


def is_image(path: Path) -> bool:
    """Whether a path names an image file that is not hidden."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_hidden(path.name)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, such as `._0001.jpg`, or belongs to a program."""
    return name.startswith((".", "~$")) or name.lower() in _OF_PROGRAMS


def require_folder(folder: Path) -> None:
    """Raise an `InputError` if a folder is missing."""
    if not folder.is_dir():
        what = "a file" if folder.is_file() else "no such folder"
        raise InputError(f"{folder}: {what}, expected the folder of a data set")


def require_images(images: PersonImages, where: Path) -> PersonImages:
    """Raise an `InputError` if a training set has no image or only one identity."""
    if images.identity_count < 2:
        raise InputError(
            f"{where}: {len(images)} training images of {images.identity_count} identities; "
            "training needs at least two identities"
        )
    return images
