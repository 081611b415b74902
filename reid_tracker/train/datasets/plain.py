"""Simple formats for own data: a folder per identity, or a CSV of path, identity, camera.

Identities and cameras may have any names. Numbers are kept; other names are numbered in order.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.train.datasets.base import (
    PersonImages,
    ReidDataset,
    is_hidden,
    is_image,
    require_folder,
)

SPLITS = ("train", "query", "gallery")

_HELD = ("val", "valid", "test")
"""Folders of people who are not used in training."""

_MARKET = re.compile(r"(\d+)_c(\d+)")
_LONGEST_NUMBER = 18  # digits that fit into int64
_CAMERA = re.compile(r"(?:^|_)c(\d+)(?:_|s\d|$)")


@dataclass(frozen=True)
class _Row:
    split: str
    path: Path
    identity: str
    camera: str


def read_identity_folders(root: Path, split: str = "") -> ReidDataset:
    """Read `root`/IDENTITY/*.jpg, or the same below those of `root`/train, /query and /gallery.

    Without query and gallery, the pictures of `root`/val or `root`/test are both query and gallery.
    `c` and a number between underscores in a file name (`0001_c2.jpg`, `c2_17.jpg`) give the
    camera; otherwise it is camera 0. Pictures directly in such a folder must be named as in
    Market-1501 (`0002_c1s1_000451_03.jpg`). Hidden files and folders are left out.

    Args:
        root: the folder.
        split: unused; folders are splits.

    Raises:
        InputError: a folder is missing or holds no images in folders.
    """
    require_folder(root)
    homes = {name: root / name for name in SPLITS if (root / name).is_dir()}
    held = next((root / name for name in _HELD if (root / name).is_dir()), None)
    if held is not None and homes and not {"query", "gallery"} & set(homes):
        homes |= {"query": held, "gallery": held}
    rows = [row for name, home in (homes or {"train": root}).items() for row in _walk(name, home)]
    return _dataset(rows, root)


def read_csv(path: Path, split: str = "") -> ReidDataset:
    """Read a CSV file with a header line: path, identity, camera, and optionally split.

    Args:
        path: the file; image paths are relative to its folder.
        split: unused. The column "split" gives the part of each image: train, query or gallery;
            without it, every image is for training.

    Raises:
        InputError: the file or a column is missing, or a row is incomplete.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a CSV of path, identity, camera")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            _require_columns(reader.fieldnames or [], path)
            rows = [_csv_row(row, path, number) for number, row in enumerate(reader, 2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    return _dataset(rows, path)


def _walk(split: str, home: Path) -> Iterable[_Row]:
    for item in sorted(home.iterdir()):
        if item.is_dir() and not is_hidden(item.name):
            for image in _images_below(item):
                match = _CAMERA.search(image.stem)
                yield _Row(split, image, item.name, match[1] if match else "0")
        elif is_image(item) and (match := _MARKET.match(item.name)):
            yield _Row(split, item, match[1], match[2])


def _images_below(folder: Path) -> Iterable[Path]:
    for item in sorted(folder.rglob("*")):
        if is_image(item) and not any(map(is_hidden, item.relative_to(folder).parts)):
            yield item


def _require_columns(columns: Iterable[str], path: Path) -> None:
    found = list(columns)
    for name in ("path", "identity", "camera"):
        if name not in found:
            others = shown(", ".join(found), str) or "nothing"
            raise InputError(
                f"{path}: no column '{name}', only {others}; the first line has to name path, "
                "identity, camera (write 0 for all if there is one camera)"
            )


def _csv_row(row: dict[str, str | None], path: Path, number: int) -> _Row:
    image, identity, camera = ((row[name] or "").strip() for name in ("path", "identity", "camera"))
    split = (row.get("split") or "train").strip()
    if not image or not identity or not camera or split not in SPLITS:
        raise InputError(
            f"{path}, line {number}: expected a path, an identity, a camera and, if there is such "
            f"a column, a split out of {', '.join(SPLITS)}"
        )
    return _Row(split, path.parent / image, identity, camera)


def _dataset(rows: list[_Row], where: Path) -> ReidDataset:
    if not rows:
        raise InputError(
            f"{where}: no images; expected a folder per identity with pictures in it, or CSV rows"
        )
    identities = _numbers(row.identity for row in rows)
    cameras = _numbers(row.camera for row in rows)
    train, query, gallery = (
        PersonImages.from_rows(
            (row.path, identities[row.identity], cameras[row.camera])
            for row in rows
            if row.split == split
        )
        for split in SPLITS
    )
    return ReidDataset(train, query, gallery)


def _numbers(names: Iterable[str]) -> dict[str, int]:
    """Number names: numeric names keep their number, other names count from 1.

    Identity 0 means a distractor in evaluations.
    """
    unique = sorted(set(names), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
    if all(name.isdecimal() and len(name) <= _LONGEST_NUMBER for name in unique):
        numbers = {name: int(name) for name in unique}
        if 0 not in numbers.values() and len(set(numbers.values())) == len(unique):
            return numbers
    return {name: number for number, name in enumerate(unique, 1)}
