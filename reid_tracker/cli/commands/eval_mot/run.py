"""The command `reid-track eval-mot`."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from reid_tracker.cli.commands.eval_mot.first_run import find_videos, track_sequences
from reid_tracker.cli.commands.eval_mot.output import (
    Compared,
    as_csv,
    as_json,
    draw,
    picture_files,
    show,
)
from reid_tracker.cli.options import add_general, add_models
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import new_file, write_text
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.engine import load_metrics
from reid_tracker.evaluate.mot import (
    BENCHMARKS,
    MotSequence,
    ScoredFrames,
    benchmark_of,
    evaluate_mot,
    find_results,
    find_sequences,
    follow,
    is_truth,
    read_result,
    read_truth,
    scored_frames,
)

_DESCRIPTION = """\
Evaluate tracks of one camera against a ground truth: HOTA, DetA, AssA, LocA, MOTA, MOTP, IDF1, id
switches and fragments, as trackeval computes them, with the rules of MOTChallenge. GT is a sequence
of MOTChallenge, a folder of sequences, or a text file; RESULT is a text file, a folder with
SEQUENCE.txt, or the folder of a run. With --run, the sequences are tracked first."""

_EXAMPLES = """\
examples:
  reid-track eval-mot gt.txt runs/video
  reid-track eval-mot MOT17/train results/ --save-csv scores.csv
  reid-track eval-mot MOT17/train/*FRCNN results/ --save-picture tracks.png
  reid-track eval-mot --run MOT17/train --encoder osnet_x1_0_msmt17.pth -o runs/mot17

The table shows percent; files contain numbers from 0 to 1.
"""

_log = logging.getLogger(__name__)


def run(arguments: argparse.Namespace) -> int:
    """Evaluate the results, after tracking the sequences with --run."""
    load_metrics()  # before tracking, which takes long
    csv_file = new_file(arguments.save_csv, overwrite=arguments.overwrite)
    json_file = new_file(arguments.save_json, overwrite=arguments.overwrite)
    truths, results = _split(arguments)
    sequences = find_sequences(truths)
    pictures, videos = picture_files(arguments, sequences), find_videos(arguments, sequences)
    if arguments.run_first:
        files = track_sequences(arguments, sequences, videos)
    else:
        files = find_results(sequences, results)
    compared: list[Compared] = []

    def each() -> Iterator[tuple[str, ScoredFrames]]:  # keeps one sequence in memory at a time
        for sequence in sequences:
            one, frames = _compare(sequence, files[sequence.name], arguments)
            compared.append(one)
            yield sequence.name, frames

    report = evaluate_mot(each())
    if csv_file is not None:
        write_text(csv_file, as_csv(compared, report))
    if json_file is not None:
        write_text(json_file, json.dumps(as_json(compared, report), indent=2) + "\n")
    for one, picture in zip(compared, pictures, strict=False):
        draw(one, report, videos.get(one.sequence.name), picture)
    if not arguments.quiet:
        show(compared, report)
    return 0


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.add_sources("ground truths, then their results; with --run ground truths only", "GT")
    parser.usage = (
        f"{parser.prog} GT... RESULT... [OPTIONS]\n       {parser.prog} --run GT... [OPTIONS]"
    )
    parser.add_argument(
        "--benchmark",
        choices=("auto", *BENCHMARKS),
        default="auto",
        help="rules for ignored boxes (default: auto, from the name and the columns)",
    )
    parser.add_argument("--save-csv", metavar="FILE", help="also write a table of all scores")
    parser.add_argument(
        "--save-json", metavar="FILE", help="also write scores, switches, fragments and losses"
    )
    parser.add_argument(
        "--save-picture",
        metavar="FILE",
        help="also draw HOTA over IoU, the ids of each person over time, and the frames of each "
        "switch; with several sequences FILE_SEQUENCE.png each",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace those files and results")
    parser.add_argument(
        "--video",
        action="append",
        default=[],
        metavar="[SEQUENCE=]FILE",
        help="frames of a sequence that has no folder img1 (repeatable)",
    )
    runs = parser.add_argument_group("run", "track the sequences first, with these models")
    runs.add_argument(
        "--run", dest="run_first", action="store_true", help="track the sequences, then evaluate"
    )
    runs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        help="folder for the results of --run (default: a new one below runs/)",
    )
    runs.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="run the models again even if their results for these videos are cached",
    )
    add_models(parser)
    add_general(parser)


def _split(arguments: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Return the paths of ground truths and those of results.

    Raises:
        ConfigError: there is no result, or an option needs --run.
    """
    paths = [Path(word) for word in arguments.sources]
    if arguments.run_first:
        return paths, []
    if (
        arguments.output is not None
        or arguments.config is not None
        or arguments.set
        or not arguments.cache
        or any("." in name for name in vars(arguments))
    ):
        raise ConfigError(
            "options for models, --output and --no-cache have no effect without --run; add --run"
        )
    if len(paths) < 2:
        raise ConfigError(
            f"there is no result for {paths[0]}; expected GT... RESULT..., or --run GT..."
        )
    if not any(path.is_dir() for path in paths) and len(paths) % 2 == 0:
        return paths[: len(paths) // 2], paths[len(paths) // 2 :]
    count = 1
    while count < len(paths) - 1 and is_truth(paths[count]):
        count += 1
    return paths[:count], paths[count:]


def _compare(
    sequence: MotSequence, result: Path, arguments: argparse.Namespace
) -> tuple[Compared, ScoredFrames]:
    truth = read_truth(sequence.truth, sequence.length)
    if len(truth.marked) and not truth.marked.any():
        _log.warning(
            "%s: column 7 is below 1 in all %d rows, so no box counts; a ground truth must "
            "have 1 there for boxes that a tracker has to find",
            sequence.truth,
            len(truth.marked),
        )
    found = read_result(result, sequence.length)
    benchmark = next(
        (one for one in BENCHMARKS if one == arguments.benchmark),
        benchmark_of(sequence.name, truth),
    )
    frames = scored_frames(truth, found, benchmark)
    people = follow(frames) if arguments.save_json or arguments.save_picture else []
    return Compared(sequence, result, benchmark, truth, found, people), frames
