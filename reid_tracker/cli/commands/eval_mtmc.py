"""`reid-track eval-mtmc TRUTH RESULT`: evaluates identities across all cameras."""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import console, new_file, write_text
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.multi_camera import (
    CameraResult,
    IdentityBoxes,
    MultiCameraScores,
    evaluate_multi_camera,
)
from reid_tracker.evaluate.multi_camera_text import read_tracks

_DESCRIPTION = """\
Evaluate identities across cameras: IDF1, IDP, IDR and HOTA over the frames of all cameras. TRUTH
and RESULT are each a folder with a MOTChallenge text for each camera, such as the folder of a run,
or a file with one box a line as in the AI City Challenge: camera, identity, frame, left, top,
width, height."""

_EXAMPLES = """\
examples:
  reid-track eval-mtmc truth/ runs/door+hall
  reid-track eval-mtmc truth.txt result.txt
  reid-track eval-mtmc truth.txt result.txt --matched-only yard --save-json scores.json
"""


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the result."""
    output = new_file(arguments.save_json, overwrite=arguments.overwrite)
    truth = read_tracks(Path(arguments.truth))
    result = read_tracks(Path(arguments.result))
    unknown = sorted({*result, *arguments.matched_only} - set(truth))
    if unknown:
        raise ConfigError(
            f"camera {', '.join(unknown)} is not in {arguments.truth}, which has "
            f"{', '.join(truth)}; the names must agree"
        )
    no_boxes = IdentityBoxes(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 4)))
    scores = evaluate_multi_camera(
        {
            camera: CameraResult(
                boxes, result.get(camera, no_boxes), camera in arguments.matched_only
            )
            for camera, boxes in truth.items()
        }
    )
    if output is not None:
        write_text(output, json.dumps(dataclasses.asdict(scores), indent=2) + "\n")
    if not arguments.quiet:
        _show(scores, f"{len(truth)} cameras")
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.add_argument("truth", metavar="TRUTH", help="file or folder of the true boxes")
    parser.add_argument(
        "result", metavar="RESULT", help="file or folder of the tracked boxes, e.g. of a run"
    )
    parser.add_argument(
        "--matched-only",
        action="append",
        default=[],
        metavar="CAMERA",
        help="a camera whose ground truth lacks people: evaluate only boxes that match a true box "
        "(repeatable)",
    )
    parser.add_argument("--save-json", metavar="FILE", help="also write the scores to a file")
    parser.add_argument("--overwrite", action="store_true", help="replace that file")


def _show(scores: MultiCameraScores, title: str) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None)
    names = ("IDF1", "IDP", "IDR", "HOTA", "DetA", "AssA", "true boxes", "found boxes")
    for name in names:
        table.add_column(name, justify="right")
    values = dataclasses.astuple(scores)
    table.add_row(*(f"{x:.3f}" if isinstance(x, float) else str(x) for x in values))
    console().print(table)
