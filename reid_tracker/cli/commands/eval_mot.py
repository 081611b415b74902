"""`reid-track eval-mot GT... RESULT...`: how right the tracks of one camera are."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import json
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.cli.interrupts import StopSignals
from reid_tracker.cli.options import add_general, add_models, to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import Report, console, new_file, write_text
from reid_tracker.config import Config
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.mot import (
    BENCHMARKS,
    Benchmark,
    MotReport,
    MotScores,
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
from reid_tracker.run.folders import result_folder
from reid_tracker.run.tracking import Watch, track
from reid_tracker.types import FrameResult
from reid_tracker.video import Source

_DESCRIPTION = """\
Score tracks of one camera against a ground truth: HOTA, DetA, AssA, LocA, MOTA, MOTP, IDF1, id
switches and fragments, as trackeval computes them, by the rules of MOTChallenge. A ground truth GT
is a sequence of MOTChallenge, a folder of such, or a text file; RESULT is a text file, a folder
with SEQUENCE.txt, or the folder of a run. With --run, the results are made first."""

_EXAMPLES = """\
examples:
  reid-track eval-mot gt.txt runs/video
  reid-track eval-mot MOT17/train results/ --save-csv scores.csv
  reid-track eval-mot MOT17/train/*FRCNN results/ --save-picture tracks.png
  reid-track eval-mot --run MOT17/train --encoder osnet_x1_0_msmt17.pth -o runs/mot17

The table shows percent; files hold numbers from 0 to 1.
"""

_SHOWN = {
    "HOTA": "hota",
    "DetA": "det_a",
    "AssA": "ass_a",
    "LocA": "loc_a",
    "MOTA": "mota",
    "MOTP": "motp",
    "IDF1": "idf1",
    "IDSW": "switches",
    "Frag": "fragments",
    "MT": "mostly_tracked",
    "ML": "mostly_lost",
    "FP": "false_positives",
    "FN": "missed",
}
_ALL = "COMBINED"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Compared:
    """A sequence, its result, and what is scored of them."""

    sequence: MotSequence
    result: Path
    benchmark: Benchmark
    frames: ScoredFrames


def run(arguments: argparse.Namespace) -> int:
    """Score what the command line names, after a run where it asks for one."""
    csv_file = new_file(arguments.save_csv, overwrite=arguments.overwrite)
    json_file = new_file(arguments.save_json, overwrite=arguments.overwrite)
    truths, results = _split(arguments)
    sequences = find_sequences(truths)
    files = (
        _track(arguments, sequences) if arguments.run_first else find_results(sequences, results)
    )
    compared = [_compare(one, files[one.name], arguments.benchmark) for one in sequences]
    report = evaluate_mot({one.sequence.name: one.frames for one in compared})
    if csv_file is not None:
        write_text(csv_file, _as_csv(compared, report))
    if json_file is not None:
        write_text(json_file, json.dumps(_as_json(compared, report), indent=2) + "\n")
    if not arguments.quiet:
        _show(compared, report)
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
        help="whose rules decide what is left out (default: auto, by the name and the columns)",
    )
    parser.add_argument("--save-csv", metavar="FILE", help="also write a table of all scores")
    parser.add_argument(
        "--save-json", metavar="FILE", help="also write scores, switches, fragments and losses"
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
        "--run", dest="run_first", action="store_true", help="track the sequences, then score"
    )
    runs.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        help="folder for the results of --run (default: a new one below runs/)",
    )
    add_models(parser)
    add_general(parser)


def _split(arguments: argparse.Namespace) -> tuple[list[Path], list[Path]]:
    """Return the paths of ground truths and those of results.

    Raises:
        ConfigError: there is no result, or an option is for --run only.
    """
    paths = [Path(word) for word in arguments.sources]
    if arguments.run_first:
        return paths, []
    if (
        arguments.output is not None
        or arguments.config is not None
        or arguments.set
        or any("." in name for name in vars(arguments))
    ):
        raise ConfigError("options about models and --output are for a run: add --run")
    if len(paths) < 2:
        raise ConfigError(
            f"no result of {paths[0]} is given; expected GT... RESULT..., or --run GT..."
        )
    if not any(path.is_dir() for path in paths) and len(paths) % 2 == 0:
        return paths[: len(paths) // 2], paths[len(paths) // 2 :]
    count = 1
    while count < len(paths) - 1 and is_truth(paths[count]):
        count += 1
    return paths[:count], paths[count:]


def _compare(sequence: MotSequence, result: Path, rules: str) -> Compared:
    truth = read_truth(sequence.truth, sequence.length)
    if len(truth.marked) and not truth.marked.any():
        _log.warning(
            "%s: column 7 is below 1 in all %d rows, so nobody is to be found; a ground truth has "
            "1 there for whom a tracker must find",
            sequence.truth,
            len(truth.marked),
        )
    found = read_result(result, sequence.length)
    benchmark = next(
        (one for one in BENCHMARKS if one == rules), benchmark_of(sequence.name, truth)
    )
    return Compared(sequence, result, benchmark, scored_frames(truth, found, benchmark))


def _videos(arguments: argparse.Namespace, sequences: Sequence[MotSequence]) -> dict[str, Path]:
    """Return where the frames of each sequence are, as far as that is known.

    Raises:
        ConfigError: --video names an unknown sequence, or none where there are several.
    """
    names = [one.name for one in sequences]
    found = {one.name: one.images for one in sequences if one.images is not None}
    for word in arguments.video:
        name, equals, file = word.partition("=")
        if not equals and len(names) == 1:
            name, file = names[0], word
        if name not in names:
            raise ConfigError(
                f"--video {word}: expected SEQUENCE=FILE, with a sequence of {', '.join(names)}"
            )
        found[name] = Path(file)
    return found


def _track(arguments: argparse.Namespace, sequences: Sequence[MotSequence]) -> dict[str, Path]:
    """Track every sequence into a folder of its own, and return the texts.

    Raises:
        ConfigError: a sequence has no frames.
    """
    videos = _videos(arguments, sequences)
    for one in sequences:
        if one.name not in videos:
            raise ConfigError(
                f"sequence {one.name} has no folder img1: name its video with --video "
                f"{one.name}=FILE"
            )
    config = to_config(arguments)
    name = f"eval-mot-{sequences[0].name}" + ("+" if len(sequences) > 1 else "")
    with StopSignals() as signals, result_folder(arguments.output, name) as folder:
        for one in sequences:
            track(
                [str(videos[one.name])],
                _for_sequence(config, one),
                folder / one.name,
                overwrite=arguments.overwrite,
                reads=[str(one.truth), *([arguments.config] if arguments.config else [])],
                watch=_Progress(signals, quiet=arguments.quiet),
            )
        return find_results(sequences, [folder])


def _for_sequence(config: Config, sequence: MotSequence) -> Config:
    """Return the configuration of a run that writes only text, at the rate of the sequence."""
    rate = config.video.frame_rate or sequence.frame_rate
    return dataclasses.replace(
        config,
        video=dataclasses.replace(config.video, frame_rate=rate),
        output=dataclasses.replace(config.output, video=False, jsonl=False, mot=True),
    )


class _Progress(Watch):
    """Shows the progress of a run, and keeps signals away from what must stay whole."""

    def __init__(self, signals: StopSignals, *, quiet: bool) -> None:
        self._signals, self._report = signals, Report(quiet=quiet)

    def running(self, sources: Sequence[Source]) -> AbstractContextManager[object]:
        return self._report.progress(sources)

    def writing(self) -> AbstractContextManager[object]:
        return self._signals.held()

    def count(self, result: FrameResult) -> None:
        self._report.count(result)


def _numbers(scores: MotScores) -> dict[str, Any]:
    """Return the scores by name, without those at each threshold."""
    found = dataclasses.asdict(scores)
    return {name: value for name, value in found.items() if not isinstance(value, tuple)}


def _as_csv(compared: Sequence[Compared], report: MotReport) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "benchmark", *_numbers(report.combined)])
    for one in compared:
        name = one.sequence.name
        writer.writerow([name, one.benchmark, *_numbers(report.sequences[name]).values()])
    writer.writerow([_ALL, "", *_numbers(report.combined).values()])
    return text.getvalue()


def _as_json(compared: Sequence[Compared], report: MotReport) -> dict[str, Any]:
    sequences = {}
    for one in compared:
        people = follow(one.frames)
        sequences[one.sequence.name] = {
            "truth": str(one.sequence.truth),
            "result": str(one.result),
            "benchmark": one.benchmark,
            "scores": dataclasses.asdict(report.sequences[one.sequence.name]),
            "switches": [switch._asdict() for person in people for switch in person.switches],
            "fragments": [
                {"person": person.person, "frame": frame}
                for person in people
                for frame in person.fragments
            ],
            "losses": [
                {"person": person.person, "first": loss.first, "last": loss.last}
                for person in people
                for loss in person.losses
            ],
        }
    return {"sequences": sequences, "combined": dataclasses.asdict(report.combined)}


def _show(compared: Sequence[Compared], report: MotReport) -> None:
    from rich.table import Table
    from rich.text import Text

    rules = ", ".join(dict.fromkeys(one.benchmark for one in compared))
    table = Table(title=f"rules of {rules}; percent", title_justify="left", box=None)
    table.add_column("sequence")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    rows = dict(report.sequences)
    if len(rows) > 1:
        rows[_ALL] = report.combined
    for name, scores in rows.items():
        values = (getattr(scores, field) for field in _SHOWN.values())
        table.add_row(
            Text(name), *(f"{100 * x:.1f}" if isinstance(x, float) else str(x) for x in values)
        )
    console().print(table)
