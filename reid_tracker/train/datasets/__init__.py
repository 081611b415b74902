"""The readers of training data sets, by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reid_tracker.errors import ConfigError
from reid_tracker.train.datasets.base import PersonImages, ReidDataset
from reid_tracker.train.datasets.cuhk03 import read_cuhk03
from reid_tracker.train.datasets.cuhk03_crops import read_cuhk03_crops
from reid_tracker.train.datasets.market import read_market
from reid_tracker.train.datasets.msmt17 import read_msmt17
from reid_tracker.train.datasets.plain import read_csv, read_identity_folders
from reid_tracker.train.datasets.splits import hold_out, join_datasets

DATASETS: dict[str, Callable[[Path, str], ReidDataset]] = {
    "market1501": read_market,
    "dukemtmc": read_market,
    "msmt17": read_msmt17,
    "cuhk03": read_cuhk03,
    "cuhk03_crops": read_cuhk03_crops,
    "folder": read_identity_folders,
    "csv": read_csv,
}
"""Readers by name; each takes the root and the split, and raises `InputError`."""


def open_dataset(name: str, root: str | Path, split: str = "new") -> ReidDataset:
    """Read a data set.

    Args:
        name: a key of `DATASETS`.
        root: its folder or file.
        split: for CUHK03, "new" or "classic-0" to "classic-19".

    Raises:
        ConfigError: the name is unknown, or no root is given.
        InputError: a folder is missing or empty, or a file does not follow the data set's format.
    """
    if name not in DATASETS:
        raise ConfigError(f"data.name = {name}: expected one of {', '.join(DATASETS)}")
    if not str(root):
        raise ConfigError("data.root is empty: name the data set's folder with --data")
    return DATASETS[name](Path(root), split)


__all__ = ["DATASETS", "PersonImages", "ReidDataset", "hold_out", "join_datasets", "open_dataset"]
