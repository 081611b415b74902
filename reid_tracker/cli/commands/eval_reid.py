"""`reid-track eval-reid DATASET`: measures how well an encoder re-identifies people."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.reid_data import (
    add_data_options,
    add_encoder_options,
    choose_encoder,
    embed_sides,
    label_sides,
    open_sides,
)
from reid_tracker.cli.report import console, new_file, write_text
from reid_tracker.encode import build_encoder
from reid_tracker.errors import ConfigError, InputError
from reid_tracker.evaluate import METRICS, PROTOCOLS, ReidScores, Reranking, Samples, evaluate_reid

_EXAMPLES = """\
examples:
  reid-track eval-reid Market-1501
  reid-track eval-reid Market-1501 --encoder osnet_x1_0_market.pth
  reid-track eval-reid cuhk03 --split classic-0 --protocol cuhk03-classic --encoder my.onnx
  reid-track eval-reid people/ --format folder --encoder my.onnx --rerank --save-json scores.json
"""


def run(arguments: argparse.Namespace) -> int:
    """Evaluate an encoder on a data set."""
    _check_numbers(arguments)
    json_file = new_file(arguments.save_json, overwrite=arguments.overwrite)
    name, queries, gallery = open_sides(arguments.dataset, arguments.format, arguments.split)
    labels = label_sides(queries, gallery)
    chosen = choose_encoder(arguments)
    rows = embed_sides(
        build_encoder(chosen),
        (queries, gallery),
        batch_size=arguments.batch_size,
        quiet=arguments.quiet,
    )
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
            f"{arguments.dataset}: none of {scores.queries} queries has an image of its person "
            "from another camera, so there is nothing to evaluate"
        )
    if json_file is not None:
        found = _described(arguments, name, chosen.model) | scores.as_dict()
        write_text(json_file, json.dumps(found, indent=2) + "\n")
    if not arguments.quiet:
        how = f"{arguments.metric}{', re-ranked' if arguments.rerank else ''}"
        _show(scores, f"{name}, {how}, {Path(chosen.model).name}")
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = (
        "Measure how well an encoder finds the images of a person among others: CMC, mAP and mINP."
    )
    parser.epilog = _EXAMPLES
    parser.add_argument("dataset", metavar="DATASET", help="folder of a data set, or a CSV file")
    parser.add_argument(
        "--encoder",
        "--reid-model",
        metavar="MODEL",
        default="auto",
        help="OSNet .onnx, .pt or .pth, a name of `reid-track weights list`, a published size, or "
        "timm:NAME (default: auto, the best on this machine)",
    )
    add_data_options(parser)
    _add_scoring(parser)
    add_encoder_options(parser)
    parser.add_argument("--save-json", metavar="FILE", help="also write the scores to a file")
    parser.add_argument("--overwrite", action="store_true", help="replace that file")


def _add_scoring(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="standard",
        help="cuhk03-classic: CMC over random galleries with one image per person",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the random galleries")
    parser.add_argument(
        "--metric", choices=METRICS, default="cosine", help="distance between embeddings"
    )
    parser.add_argument("--rerank", action="store_true", help="k-reciprocal re-ranking")


def _described(arguments: argparse.Namespace, name: str, encoder: str) -> dict[str, Any]:
    return {
        "dataset": str(arguments.dataset),
        "format": name,
        "encoder": encoder,
        "protocol": arguments.protocol,
        "metric": arguments.metric,
        "reranking": arguments.rerank,
    }


def _check_numbers(arguments: argparse.Namespace) -> None:
    if arguments.seed < 0:
        raise ConfigError(f"--seed {arguments.seed}: expected at least 0")
    if arguments.batch_size < 1:
        raise ConfigError(f"--batch-size {arguments.batch_size}: expected at least 1")


def _show(scores: ReidScores, title: str) -> None:
    from rich.table import Table

    summary = scores.as_dict()
    table = Table(title=title, title_justify="left", box=None)
    for name in summary:
        table.add_column(name.replace("_queries", ""), justify="right")
    table.add_row(*(f"{x:.3f}" if isinstance(x, float) else str(x) for x in summary.values()))
    console().print(table)
