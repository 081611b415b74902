"""`reid-track train-detector RECIPE`: trains a person detector."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import Steps
from reid_tracker.config import parse_override
from reid_tracker.errors import ConfigError
from reid_tracker.run.folders import no_empty_folder

_RUNS = Path("runs")

_EXAMPLES = """\
examples:
  reid-track train-detector person_yolo11n
  reid-track train-detector person_yolo11n --openvino
  reid-track train-detector person_yolo11n --resume
  reid-track train-detector person_yolo11n --set epochs=60 --set pictures.training=20000 --device 0
"""


def run(arguments: argparse.Namespace) -> int:
    """Train a detector."""
    from reid_tracker.train import limit_threads
    from reid_tracker.train.detector import load_detector_recipe, prepare_pictures, train_detector
    from reid_tracker.train.detector.export import check_can_export, export_openvino
    from reid_tracker.train.detector.yolo import find_checkpoint

    if arguments.threads is not None:
        limit_threads(arguments.threads)
    if arguments.workers < 0:
        raise ConfigError(f"--workers {arguments.workers}: expected at least 0")
    logging.getLogger("reid_tracker.train").setLevel(
        logging.NOTSET if arguments.quiet else logging.INFO
    )
    if arguments.openvino:
        check_can_export()
    recipe = load_detector_recipe(
        arguments.recipe, dict(parse_override(text) for text in arguments.set)
    )
    output = Path(arguments.output or _RUNS / f"train-{Path(arguments.recipe).stem}")
    with no_empty_folder(output):
        if not arguments.prepare:  # before composing pictures, which takes minutes
            find_checkpoint(output, resume=arguments.resume)
        with Steps("composing pictures", quiet=arguments.quiet) as steps:
            data_file = prepare_pictures(recipe, output / "data", steps.reach)
        if arguments.prepare:
            return 0
        weights = train_detector(
            recipe,
            output,
            data_file,
            device=arguments.device,
            workers=arguments.workers,
            threads=arguments.threads,
            resume=arguments.resume,
        )
        results = [weights]
        if arguments.openvino:
            results.append(export_openvino(weights, data_file))
    if not arguments.quiet:
        sys.stdout.write("".join(f"{path}\n" for path in results))
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = "Train a person detector with a recipe; the result is a .pt file."
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "recipe", metavar="RECIPE", help="YAML file, or a name in configs/train/: person_yolo11n"
    )
    parser.add_argument(
        "--output", "-o", metavar="FOLDER", help="folder of the run (default: runs/train-RECIPE)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue after the last complete epoch in the folder"
    )
    parser.add_argument(
        "--openvino",
        action="store_true",
        help="also write an int8 model, faster on CPUs; needs pip install 'reid-tracker[export]'",
    )
    parser.add_argument("--prepare", action="store_true", help="only compose the training pictures")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set any key of the recipe, e.g. epochs=60 (repeatable)",
    )
    parser.add_argument(
        "--device", default="cpu", help="device in ultralytics' notation (default: cpu)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="CPU threads (default: all but one)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="number of processes that read pictures (default: 0)",
    )
