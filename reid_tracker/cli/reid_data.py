"""Opens, labels and embeds person re-identification data sets, and adds their options."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from reid_tracker.cli.options import add_device
from reid_tracker.config import EncoderConfig
from reid_tracker.encode import Encoder, resolve_model
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate import Labels

if TYPE_CHECKING:
    from reid_tracker.train.datasets.base import PersonImages
    from reid_tracker.types import Embeddings, ImageBGR

# Format by a file or folder in the root of a data set or one level below.
_SIGNS = {
    "list_query.txt": "msmt17",
    "cuhk-03.mat": "cuhk03",
    "images_detected": "cuhk03",
    "bounding_box_test": "market1501",
    "bounding_box_train": "market1501",
}
_READERS = 4

_log = logging.getLogger(__name__)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for reading a data set."""
    parser.add_argument(
        "--format",
        default="auto",
        metavar="NAME",
        help="market1501, msmt17, cuhk03, cuhk03-crops, folder, csv, ... (default: auto)",
    )
    parser.add_argument(
        "--split", default="new", help="split of CUHK03: new (767/700 people), classic-0 to -19"
    )


def add_encoder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for running the encoder."""
    add_device(parser)
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="images per batch")


def choose_encoder(arguments: argparse.Namespace) -> EncoderConfig:
    """Return the configuration of the chosen encoder; "auto" is replaced by the file it stands for.

    Raises:
        ReidTrackerError: an option is out of range, or this machine has no encoder for "auto".
    """
    config = EncoderConfig(
        model=arguments.encoder, device=arguments.device, batch_size=arguments.batch_size
    )
    # Keep other names as typed: they are more readable than paths.
    return resolve_model(config) if config.model == "auto" else config


def open_sides(
    dataset: str | Path, layout: str, split: str, *, compared: bool = True
) -> tuple[str, PersonImages, PersonImages]:
    """Read a data set; without separate queries, every image is a query for all others.

    Args:
        dataset: its folder, or a CSV file.
        layout: name of its format; "auto" recognises it by its files.
        split: split of CUHK03.
        compared: whether each person must have two images.

    Returns:
        The name of its format, its queries and its gallery.

    Raises:
        ReidTrackerError: the format is unknown, or the data set cannot be read or scored.
    """
    from reid_tracker.train.datasets import DATASETS, open_dataset

    if not str(dataset):  # as a path, it would be the current folder
        raise ConfigError("DATASET is empty: name the folder of a data set, or a CSV file")
    root = Path(dataset)
    name = layout.replace("-", "_")
    if name != "auto" and name not in DATASETS:
        choices = ", ".join(key.replace("_", "-") for key in DATASETS)
        raise ConfigError(f"--format {layout}: expected auto, {choices}")
    if not root.exists():
        raise InputError(f"{root}: no such folder or file; check the path of the data set")
    if name == "auto":
        name = guess_format(root)
    data = open_dataset(name, root, split)
    if len(data.query) and len(data.gallery):
        return name, data.query, data.gallery
    if len(data.query) or len(data.gallery):
        # Do not score the training images instead, which would answer another question.
        found, missing = ("queries", "gallery") if len(data.query) else ("a gallery", "queries")
        raise InputError(f"{root}: {found} but no {missing}; a test needs both")
    if not len(data.train):
        raise InputError(f"{root}: no queries and no images of people; expected images to score")
    if compared:
        _check_all_against_all(data.train, root)
    return name, data.train, data.train


def _check_all_against_all(images: PersonImages, root: Path) -> None:
    """Raise an `InputError` if a person has only one image."""
    _, identity, counts = np.unique(images.identities, return_inverse=True, return_counts=True)
    single = np.nonzero(counts[identity] == 1)[0]
    if len(single):
        raise InputError(
            f"{images.paths[single[0]]}: this person has no other image ({len(single)} such images "
            f"in {root}); add one, or remove it"
        )


def guess_format(root: Path) -> str:
    """Recognise the format of a data set by its files."""
    if root.is_file():
        return "csv"
    for sign, name in _SIGNS.items():
        if (root / sign).exists() or next(root.glob(f"*/{sign}"), None):
            return name
    val = root / "val"
    people = val.is_dir() and (any(val.glob("[!.@]*/")) or any(val.glob("*_c[0-9]*")))
    return "cuhk03_crops" if val.is_dir() and not people else "folder"


def label_sides(queries: PersonImages, gallery: PersonImages) -> tuple[Labels, Labels]:
    """Label both sides; with only one camera, compare each query with all images but itself."""
    sides = queries, gallery
    cameras = [side.cameras for side in sides]
    if len(np.unique(np.concatenate(cameras))) == 1:
        _log.warning(
            "all images come from one camera, so queries are also compared within their own camera"
        )
        number = {path: row for row, path in enumerate((*queries.paths, *gallery.paths))}
        cameras = [np.array([number[path] for path in side.paths], np.int64) for side in sides]
    first, second = map(Labels, (side.identities for side in sides), cameras)
    return first, second


def embed_sides(
    encoder: Encoder, sides: Sequence[PersonImages], *, batch_size: int, quiet: bool
) -> list[Embeddings]:
    """Return the embeddings of each side; an image on both sides is encoded once.

    Args:
        encoder: encoder with D-dimensional embeddings.
        sides: for example queries and gallery.
        batch_size: images per batch.
        quiet: show no progress.

    Returns:
        (N, D) float32 unit rows for each side.

    Raises:
        InputError: an image cannot be read.
    """
    from reid_tracker.cli.report import Steps

    paths = list(dict.fromkeys(path for side in sides for path in side.paths))
    rows = np.empty((len(paths), encoder.embedding_size), np.float32)
    with Steps("encoding", len(paths), quiet=quiet) as steps:
        for start, images in _batches(paths, batch_size):
            whole = [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
            found = encoder.encode_batch(images, whole)
            rows[start : start + len(images)] = np.concatenate(found)
            steps.advance(len(images))
    row_of = {path: row for row, path in enumerate(paths)}
    return [rows[[row_of[path] for path in side.paths]] for side in sides]


def _batches(paths: Sequence[Path], size: int) -> Iterator[tuple[int, list[ImageBGR]]]:
    """Yield batches of images with the index of the first; read the next batch meanwhile."""
    from reid_tracker.video.images import read_picture

    with ThreadPoolExecutor(_READERS) as readers:
        waiting = readers.map(read_picture, paths[:size])
        for start in range(0, len(paths), size):
            images = list(waiting)
            waiting = readers.map(read_picture, paths[start + size : start + 2 * size])
            yield start, images
