"""CUHK03 as loose crops `IIII_KK.jpg`: image K of identity I; 00-04 camera A, 05-09 camera B.

Identities are numbered from 1 here, since 0 means a distractor in evaluations.
"""

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

_NAME = re.compile(r"(\d+)_(\d+)")
_PER_CAMERA = 5


def read_cuhk03_crops(root: Path, split: str = "") -> ReidDataset:
    """Read `root`/train, and `root`/val with camera A as query and camera B as gallery.

    Args:
        root: the folder that holds train/ or val/, or both; or a folder of crops to train on.
        split: unused; the crops are split already.

    Raises:
        InputError: a folder is missing or empty, or a file has another name.
    """
    require_folder(root)
    nobody = PersonImages.from_rows([])
    has_train, has_val = ((root / name).is_dir() for name in ("train", "val"))
    if not has_val:
        return ReidDataset(_read(root / "train" if has_train else root), nobody, nobody)
    val = _read(root / "val")
    train = _read(root / "train") if has_train else nobody
    return ReidDataset(train, val[val.cameras == 0], val[val.cameras == 1])


def _read(folder: Path) -> PersonImages:
    rows = []
    for path in list_images(folder):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise InputError(f"{path}: expected a name such as 0012_07.jpg (identity, image)")
        rows.append((path, int(match[1]) + 1, int(int(match[2]) >= _PER_CAMERA)))
    return PersonImages.from_rows(rows)
