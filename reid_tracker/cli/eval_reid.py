"""`reid-track eval-reid DATASET --encoder MODEL`: how well an encoder finds people again."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import InputError, OutputError
from reid_tracker.evaluate import (
    METRICS,
    PROTOCOLS,
    Labels,
    ReidScores,
    Reranking,
    Samples,
    evaluate_reid,
)

if TYPE_CHECKING:
    from reid_tracker.types import Embeddings, ImageBGR

_EXAMPLES = """\
examples:
  reid-track eval-reid Market-1501 --encoder osnet_x1_0_market.pth
  reid-track eval-reid cuhk03 --split classic-0 --protocol cuhk03-classic --encoder my.onnx
  reid-track eval-reid people/ --format folder --encoder my.onnx --rerank --save-json scores.json
"""

# A file or folder, in the root of a data set or one level below, that tells which one it is.
_SIGNS = {
    "list_query.txt": "msmt17",
    "cuhk-03.mat": "cuhk03",
    "images_detected": "cuhk03",
    "bounding_box_test": "market1501",
}
_READERS = 4

_log = logging.getLogger(__name__)


class Images(Protocol):
    """One side of a data set: image files with identities and cameras."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """N files."""

    @property
    def identities(self) -> npt.NDArray[np.int64]:
        """(N,) identities."""

    @property
    def cameras(self) -> npt.NDArray[np.int64]:
        """(N,) cameras."""


def eval_reid(words: Sequence[str]) -> int:
    """Score an encoder as the command line says; returns the exit code.

    Raises:
        ReidTrackerError: bad arguments, data, encoder or output.
        KeyboardInterrupt: the user stopped the run.
    """
    arguments = build_parser().parse_args(words)
    json_file = None if arguments.save_json is None else Path(arguments.save_json)
    if json_file is not None:
        _check_output(json_file, overwrite=arguments.overwrite)
    name, queries, gallery = _open(arguments)
    labels = _labels(queries, gallery)
    encoder = build_encoder(
        arguments.encoder, device=arguments.device, batch_size=arguments.batch_size
    )
    rows = _embed(encoder, (queries, gallery), arguments)
    scores = evaluate_reid(
        Samples(rows[0], labels[0]),
        Samples(rows[1], labels[1]),
        metric=arguments.metric,
        reranking=Reranking() if arguments.rerank else None,
        protocol=arguments.protocol,
        generator=np.random.default_rng(arguments.seed),
    )
    if scores.queries == scores.skipped:
        raise InputError(
            f"{arguments.dataset}: none of {scores.queries} queries has a picture of its person "
            "by another camera; there is nothing to score"
        )
    if json_file is not None:
        _save(json_file, _described(arguments, name) | scores.as_dict())
    if not arguments.quiet:
        _show(scores, f"{name}, {arguments.metric}{', re-ranked' if arguments.rerank else ''}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(
        prog="reid-track eval-reid",
        description="Score how well an encoder finds the pictures of a person among others: "
        "CMC, mAP and mINP.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("dataset", metavar="DATASET", help="folder of a data set, or a CSV file")
    parser.add_argument(
        "--encoder",
        "--reid-model",
        metavar="MODEL",
        required=True,
        help="OSNet .onnx, .pt or .pth, a published size, or timm:NAME",
    )
    parser.add_argument(
        "--format",
        default="auto",
        metavar="NAME",
        help="market1501, msmt17, cuhk03, cuhk03-crops, folder, csv, ... (default: from its files)",
    )
    parser.add_argument(
        "--split", default="new", help="of CUHK03: new (767/700 people), or classic-0 to -19"
    )
    _add_scoring(parser)
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="pictures encoded at a time"
    )
    parser.add_argument("--save-json", metavar="FILE", help="also write the scores to a file")
    parser.add_argument("--overwrite", action="store_true", help="replace that file")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument("--debug", action="store_true", help="log more, show tracebacks")
    return parser


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="standard",
        help="cuhk03-classic: CMC over random galleries of one picture a person",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random galleries")
    parser.add_argument("--metric", choices=METRICS, default="cosine")
    parser.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking")


def _open(arguments: argparse.Namespace) -> tuple[str, Images, Images]:
    """Read the data set; return the name of its format, its queries and its gallery.

    Without queries of their own, all pictures ask for all others.

    Raises:
        ReidTrackerError: the format is unknown, or the data set cannot be read or scored.
    """
    from reid_tracker.train.datasets import open_dataset

    root = Path(arguments.dataset)
    if not root.exists():
        raise InputError(f"{root}: no such folder or file; check the path of the data set")
    name = arguments.format.replace("-", "_")
    if name == "auto":
        name = _guess_format(root)
    data = open_dataset(name, root, arguments.split)
    if len(data.query):
        return name, data.query, data.gallery
    _, identity, counts = np.unique(data.train.identities, return_inverse=True, return_counts=True)
    lonely = np.nonzero(counts[identity] == 1)[0]
    if len(lonely):
        raise InputError(
            f"{data.train.paths[lonely[0]]}: the identity with this one image has no other to be "
            f"found by ({len(lonely)} such in {root}); add an image of it, or remove it"
        )
    return name, data.train, data.train


def _guess_format(root: Path) -> str:
    if root.is_file():
        return "csv"
    for sign, name in _SIGNS.items():
        if (root / sign).exists() or next(root.glob(f"*/{sign}"), None):
            return name
    return "cuhk03_crops" if (root / "val").is_dir() else "folder"


def _labels(queries: Images, gallery: Images) -> tuple[Labels, Labels]:
    """Label both sides. With one camera in all, a query leaves out no picture but itself."""
    sides = queries, gallery
    cameras = [side.cameras for side in sides]
    if len(np.unique(np.concatenate(cameras))) == 1:
        _log.warning("all pictures are by one camera: the camera rule is not applied")
        number = {path: row for row, path in enumerate((*queries.paths, *gallery.paths))}
        cameras = [np.array([number[path] for path in side.paths], np.int64) for side in sides]
    first, second = map(Labels, (side.identities for side in sides), cameras)
    return first, second


def _embed(
    encoder: Encoder, sides: Sequence[Images], arguments: argparse.Namespace
) -> list[Embeddings]:
    """Return the embeddings of each side; an image that is on both is encoded once."""
    from rich.console import Console
    from rich.progress import Progress

    paths = list(dict.fromkeys(path for side in sides for path in side.paths))
    rows = np.empty((len(paths), encoder.embedding_size), np.float32)
    with Progress(console=Console(stderr=True), disable=arguments.quiet) as bar:
        task = bar.add_task("encoding", total=len(paths))
        for start, images in _batches(paths, arguments.batch_size):
            whole = [np.array([[0, 0, *image.shape[1::-1]]], np.float32) for image in images]
            found = encoder.encode_batch(images, whole)
            rows[start : start + len(images)] = np.concatenate(found)
            bar.advance(task, len(images))
    row_of = {path: row for row, path in enumerate(paths)}
    return [rows[[row_of[path] for path in side.paths]] for side in sides]


def _batches(paths: Sequence[Path], size: int) -> Iterator[tuple[int, list[ImageBGR]]]:
    """Yield images in batches with the number of the first, reading the next batch meanwhile."""
    with ThreadPoolExecutor(_READERS) as readers:
        waiting = readers.map(_read, paths[:size])
        for start in range(0, len(paths), size):
            images = list(waiting)
            waiting = readers.map(_read, paths[start + size : start + 2 * size])
            yield start, images


def _read(path: Path) -> ImageBGR:
    from reid_tracker.video.images import read_image

    image = read_image(path)
    if image is None:
        raise InputError(f"{path}: cannot be read as an image; remove it or get it again")
    return image


def _described(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    return {
        "dataset": str(arguments.dataset),
        "format": name,
        "encoder": str(arguments.encoder),
        "protocol": arguments.protocol,
        "metric": arguments.metric,
        "reranking": arguments.rerank,
    }


def _check_output(path: Path, *, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already: use --overwrite to replace it, or another name")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}; make it first")


def _save(path: Path, scores: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


def _show(scores: ReidScores, title: str) -> None:
    from rich.console import Console
    from rich.table import Table

    summary = scores.as_dict()
    table = Table(title=title, title_justify="left", box=None)
    for name in summary:
        table.add_column(name.replace("_queries", ""), justify="right")
    table.add_row(*(f"{x:.3f}" if isinstance(x, float) else str(x) for x in summary.values()))
    Console().print(table)
