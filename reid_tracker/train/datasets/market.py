"""Market-1501 and DukeMTMC-reID: three folders of files named `0002_c1s1_000451_03.jpg`."""

from __future__ import annotations

import re
from pathlib import Path

from reid_tracker.errors import InputError
from reid_tracker.train.datasets.base import (
    PersonImages,
    ReidDataset,
    list_images,
    require_folder,
)

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"

JUNK, BACKGROUND = -1, 0
"""Special identities of Market-1501: junk is dropped, background is a distractor."""

_NAME = re.compile(r"(-?\d+)_c(\d+)")


def read_market(root: Path, split: str = "") -> ReidDataset:
    """Read `bounding_box_train`, `query` and `bounding_box_test` below a folder.

    Args:
        root: the folder that holds the three, or the folder above it; the first may be missing, or
            the other two together.
        split: unused; there is one split.

    Raises:
        InputError: a folder is missing or empty, or a file has another name.
    """
    require_folder(root)
    root = _home(root)
    train = _read(root / TRAIN) if (root / TRAIN).is_dir() else PersonImages.from_rows([])
    train = train[train.identities > BACKGROUND]
    if len(train) and not (root / QUERY).exists() and not (root / GALLERY).exists():
        return ReidDataset(train, train[:0], train[:0])
    return ReidDataset(train, _read(root / QUERY), _read(root / GALLERY))


def _home(root: Path) -> Path:
    """Find the archive's own folder inside the one that the user named."""
    if (root / TRAIN).is_dir() or (root / GALLERY).is_dir():
        return root
    inside = [path for name in (TRAIN, GALLERY) for path in sorted(root.glob(f"*/{name}"))]
    return inside[0].parent if inside else root


def _read(folder: Path) -> PersonImages:
    rows = []
    for path in list_images(folder):
        match = _NAME.match(path.name)
        if match is None:
            raise InputError(f"{path}: expected a name such as 0002_c1s1_000451_03.jpg")
        if int(match[1]) != JUNK:
            rows.append((path, int(match[1]), int(match[2])))
    return PersonImages.from_rows(rows)
