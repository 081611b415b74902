"""MSMT17, versions 1 and 2: lists of `0000/0000_000_01_0303morning_0008_0.jpg 0`."""

from __future__ import annotations

import os
from pathlib import Path

from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.train.datasets.base import PersonImages, ReidDataset, require_folder

_FOLDERS = (("train", "test"), ("mask_train_v2", "mask_test_v2"))
_TRAIN, _QUERY, _GALLERY = "list_train.txt", "list_query.txt", "list_gallery.txt"
_MAX_NUMBER = 2**31


def read_msmt17(root: Path, split: str = "") -> ReidDataset:
    """Read the lists `list_train.txt`, `list_query.txt` and `list_gallery.txt` below a folder.

    The people of training and test are different, but both are numbered from 0. Here they are
    numbered from 1, because 0 means a distractor in evaluations; the test follows training.
    `list_val.txt`, which holds more pictures of training people, is not read.

    Args:
        root: the folder that holds the lists, or the folder above it; the training list or its
            pictures may be missing.
        split: unused; there is one split.

    Raises:
        InputError: a folder, list or image is missing, or a line is malformed.
    """
    require_folder(root)
    if not (root / _QUERY).is_file():
        root = next((path.parent for path in sorted(root.glob(f"*/{_QUERY}"))), root)
    learn, test = next(
        (pair for side in (0, 1) for pair in _FOLDERS if (root / pair[side]).is_dir()), _FOLDERS[0]
    )
    train = PersonImages.from_rows([])
    if (root / _TRAIN).is_file() and (root / learn).is_dir():
        train = _read(root / _TRAIN, root / learn)
    behind = int(train.identities.max(initial=0))
    query = _read(root / _QUERY, root / test, behind)
    return ReidDataset(train, query, _read(root / _GALLERY, root / test, behind))


def _read(listing: Path, folder: Path, before: int = 0) -> PersonImages:
    if not listing.is_file():
        raise InputError(f"{listing}: no such list; expected the unpacked archive of MSMT17")
    require_folder(folder)
    try:
        lines = listing.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"cannot read {listing}: {reason}") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            name, identity = line.rsplit(maxsplit=1)
            camera = int(Path(name).name.split("_")[2])
            if not (0 <= int(identity) < _MAX_NUMBER and 0 <= camera < _MAX_NUMBER):
                raise ValueError
            rows.append((folder / name, int(identity) + 1 + before, camera))
        except (ValueError, IndexError):
            raise InputError(
                f"{listing}, line {number}: '{line[:80]}', expected a path such as "
                "0000/0000_000_01_0303morning_0008_0.jpg and an identity"
            ) from None
    if not rows:
        raise InputError(f"{listing}: an empty list")
    if not os.path.isfile(rows[0][0]):  # Path.is_file raises if a name is too long
        raise InputError(
            f"{shown(rows[0][0], str)}: listed in {listing.name}, but there is no such image"
        )
    return PersonImages.from_rows(rows)
