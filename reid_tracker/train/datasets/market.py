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
    require_images,
)

JUNK, BACKGROUND = -1, 0
"""Identities of Market-1501 that are no person: junk is dropped, background only distracts."""

_NAME = re.compile(r"(-?\d+)_c(\d+)")


def read_market(root: Path, split: str = "") -> ReidDataset:
    """Read `bounding_box_train`, `query` and `bounding_box_test` below a folder.

    Args:
        root: the folder that holds the three, or one folder above it.
        split: unused; there is one split.

    Raises:
        InputError: a folder is missing or empty, or a file has another name.
    """
    require_folder(root)
    root = _home(root)
    train = _read(root / "bounding_box_train")
    train = require_images(train[train.identities > BACKGROUND], root / "bounding_box_train")
    return ReidDataset(train, _read(root / "query"), _read(root / "bounding_box_test"))


def _home(root: Path) -> Path:
    """Find the folder that the archive made inside the one the user named."""
    if (root / "bounding_box_train").is_dir():
        return root
    inside = sorted(root.glob("*/bounding_box_train"))
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
