"""CUHK03 as released (`cuhk-03.mat`): the new 767/700 split and the twenty classic splits.

The release is one MATLAB file. Its pictures are unpacked once, beside it, under the names used by
the new split's file (`cuhk03_new_protocol_config_*.mat`): `1_003_2_07.png` is camera pair 1,
identity 3, view 2, picture 7.
"""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.errors import ConfigError, InputError, MissingDependencyError
from reid_tracker.train.datasets.base import (
    PersonImages,
    ReidDataset,
    list_images,
    require_folder,
)
from reid_tracker.train.images import write_image

logger = logging.getLogger(__name__)

CLASSIC_SPLITS = 20

_RELEASE = "cuhk-03.mat"
_TESTSETS = "testsets.json"
_NAME = re.compile(r"(\d+)_(\d+)_(\d+)_(\d+)")
_SPLIT = re.compile(r"(?:new|classic-(\d+))(?:-(labeled|detected))?")
_PER_PAIR = 10_000
"""Identities are numbered within their camera pair; this keeps the pairs apart."""


def read_cuhk03(root: Path, split: str = "new") -> ReidDataset:
    """Read CUHK03; the query is view 1 and the gallery view 2, except in the new split's lists.

    Args:
        root: the folder that holds `cuhk-03.mat` or the pictures unpacked from it.
        split: "new", or "classic-0" to "classic-19", with detected boxes; append "-labeled" for
            labelled boxes ("new-labeled").

    Raises:
        ConfigError: the split is unknown.
        InputError: a file is missing or damaged.
        MissingDependencyError: `cuhk-03.mat` must be unpacked, but h5py is not installed.
    """
    match = _SPLIT.fullmatch(split)
    if match is None or (match[1] and int(match[1]) >= CLASSIC_SPLITS):
        raise ConfigError(
            f"split = {split}: expected new or classic-0 to classic-{CLASSIC_SPLITS - 1}, "
            "with -labeled appended for the labelled boxes"
        )
    require_folder(root)
    root = next((path.parent for path in sorted(root.glob(f"*/{_RELEASE}"))), root)
    boxes = match[2] or "detected"
    images = root / f"images_{boxes}"
    if not images.is_dir() or not (root / _TESTSETS).is_file():
        unpack_cuhk03(root)
    if match[1]:
        return _classic(images, root / _TESTSETS, int(match[1]))
    return _new(images, root / f"cuhk03_new_protocol_config_{boxes}.mat")


def unpack_cuhk03(root: Path) -> None:
    """Write the pictures of `cuhk-03.mat` into `images_labeled` and `images_detected` beside it.

    Raises:
        InputError: the file is missing or damaged.
        MissingDependencyError: h5py is not installed.
    """
    path = root / _RELEASE
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the folder of the CUHK03 release")
    try:
        import h5py  # type: ignore[import-untyped]
    except ImportError:
        raise MissingDependencyError(
            f"{path}: reading it needs the package h5py; install it with pip install h5py"
        ) from None
    logger.info("unpacking %s (only once)", path)
    try:
        with h5py.File(path, "r") as release:
            for boxes in ("labeled", "detected"):
                _unpack_images(release, boxes, root / f"images_{boxes}")
            testsets = [
                np.asarray(release[reference]).T.astype(int).tolist()
                for reference in release["testsets"][0]
            ]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: not the CUHK03 release, or damaged ({error})") from None
    (root / _TESTSETS).write_text(json.dumps(testsets), encoding="utf-8")


def _unpack_images(release: Any, boxes: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for pair, reference in enumerate(release[boxes][0], 1):
        # MATLAB stores columns first: (10 pictures, identities) here.
        pictures = np.asarray(release[reference])
        for identity, row in enumerate(pictures.T, 1):
            for number, picture in enumerate(row, 1):
                image = np.asarray(release[picture]).T
                if image.ndim == 3:  # a missing picture is an empty matrix
                    view = 1 if number <= len(row) // 2 else 2
                    name = f"{pair}_{identity:03d}_{view}_{number:02d}.png"
                    write_image(folder / name, np.ascontiguousarray(image[..., ::-1], np.uint8))


def _classic(folder: Path, testsets: Path, number: int) -> ReidDataset:
    try:
        pairs = json.loads(testsets.read_text(encoding="utf-8-sig"))[number]
        tested = {int(pair) * _PER_PAIR + int(identity) for pair, identity in pairs}
    except (OSError, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        raise InputError(
            f"{testsets} is damaged: expected pairs of numbers for each of the classic splits; "
            "delete it; it will be rebuilt from the release"
        ) from None
    rows = []
    for path in list_images(folder):
        match = _NAME.match(path.stem)
        if match is None:
            raise InputError(f"{path}: expected a name such as 1_003_2_07.png")
        rows.append((path, int(match[1]) * _PER_PAIR + int(match[2]), int(match[3])))
    images = PersonImages.from_rows(rows)
    test = np.isin(images.identities, list(tested))
    return ReidDataset(
        images[~test], images[test & (images.cameras == 1)], images[test & (images.cameras == 2)]
    )


def _new(folder: Path, lists: Path) -> ReidDataset:
    from scipy.io import loadmat

    if not lists.is_file():
        raise InputError(
            f"{lists}: no such file; the new split needs it (from the re-ranking paper's authors)"
        )
    try:
        content = loadmat(lists)
        names = [str(np.ravel(cell)[0]) for cell in np.ravel(content["filelist"])]
        identities = np.ravel(content["labels"]).astype(int)
        parts = [
            np.ravel(content[f"{part}_idx"]).astype(int) - 1
            for part in ("train", "query", "gallery")
        ]
    except Exception as error:  # scipy's reader raises almost anything on a damaged file
        raise InputError(f"{lists}: not the lists of the new split ({error})") from None
    train, query, gallery = (
        PersonImages.from_rows(
            (folder / names[row], int(identities[row]), int(names[row].split("_")[2]))
            for row in rows
        )
        for rows in parts
    )
    return ReidDataset(train, query, gallery)
