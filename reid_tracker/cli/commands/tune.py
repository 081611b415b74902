"""`reid-track tune`: searches for the best tracker options for some footage."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import hashlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reid_tracker import zoo
from reid_tracker.cli.commands.eval_mot.first_run import check_frames, detect_sequence, find_videos
from reid_tracker.cli.options import add_general, add_models, to_config
from reid_tracker.cli.parser import Parser
from reid_tracker.cli.report import Steps, console, write_text
from reid_tracker.config import Config, DeepSortConfig
from reid_tracker.config.safe_yaml import dump_yaml
from reid_tracker.detect.build import resolve_model as resolve_detector
from reid_tracker.encode.build import resolve_model as resolve_encoder
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.engine import load_metrics
from reid_tracker.evaluate.mot import benchmark_of, find_sequences, read_truth
from reid_tracker.pipeline import has_no_encoder, suited_to_models
from reid_tracker.run.folders import result_folder
from reid_tracker.run.found import FoundVideos
from reid_tracker.run.tune import (
    Scene,
    Score,
    Trial,
    best_of,
    front_of,
    require_optuna,
    score,
    search,
    split,
)
from reid_tracker.run.tune_space import Value, search_space, with_values
from reid_tracker.sink.files import refuse_existing

_DESCRIPTION = """\
Search for the tracker options with the best HOTA and IDF1 on MOTChallenge sequences with a ground
truth. A FOLDER is a sequence, or contains sequences. The models run once on each video; then Optuna
proposes options, and the tracker runs with each set of them. Some videos are held out and evaluated
only at the end."""

_EXAMPLES = """\
examples:
  reid-track tune MOT17/train/*FRCNN -o runs/tuned
  reid-track tune MOT17/train/*FRCNN -o runs/tuned --trials 300       # continue
  reid-track tune shop/ --only max_age_s --only n_init --hold-out shop-evening
  reid-track video.mp4 --config runs/tuned/best.yaml

The results are best.yaml, trials.csv and study.journal, from which the same command continues.
Equal seeds give equal options and scores; only the measured speed differs.
"""


def add_arguments(parser: Parser) -> None:
    """Add the arguments."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLES
    parser.add_sources("sequences with gt/gt.txt, or folders of sequences", "FOLDER")
    parser.add_argument(
        "--output",
        "-o",
        metavar="FOLDER",
        help="folder for the results, or of an earlier search to continue (default: a new one "
        "below runs/)",
    )
    parser.add_argument(
        "--trials",
        type=int,
        default=100,
        metavar="N",
        help="number of trials, including those of an earlier search (default: 100)",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="OPTION",
        help="change only this tracker option (repeatable; default: all)",
    )
    parser.add_argument(
        "--hold-out",
        action="append",
        default=[],
        metavar="SEQUENCE",
        help="evaluate this sequence only at the end (repeatable; default: every third video)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)"
    )
    parser.add_argument(
        "--video",
        action="append",
        default=[],
        metavar="[SEQUENCE=]FILE",
        help="frames of a sequence that has no folder img1 (repeatable)",
    )
    parser.add_argument(
        "--no-cache",
        dest="cache",
        action="store_false",
        help="run the models again even if their results for these videos are cached",
    )
    add_models(parser)
    add_general(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search, and write the results."""
    load_metrics()
    require_optuna()
    for name, low in (("trials", 1), ("seed", 0)):
        if not low <= getattr(arguments, name) < 2**31:
            raise ConfigError(
                f"--{name} {getattr(arguments, name)}: expected a whole number from {low}"
            )
    config = to_config(arguments)
    start = suited_to_models(config).tracker
    space = search_space(start, arguments.only)
    sequences = find_sequences([Path(word) for word in arguments.sources])
    name = f"tune-{sequences[0].name}" + ("+" if len(sequences) > 1 else "")
    with result_folder(arguments.output, name) as folder:
        for file in ("best.yaml", "trials.csv"):
            refuse_existing(folder / file, overwrite=(folder / "study.journal").exists())
        scenes = _scenes(arguments, config)
        searched, held_out = split(scenes, arguments.hold_out)

        def scored(values: Mapping[str, Value]) -> Score:
            return score(with_values(start, values), searched)

        tried: list[Trial] = []
        note = lambda: _note(tried)  # noqa: E731
        with Steps("tuning", arguments.trials, quiet=arguments.quiet, note=note) as steps:

            def step(trial: Trial) -> None:
                tried.append(trial)
                steps.advance()

            search(
                folder / "study.journal",
                space,
                scored,
                trials=arguments.trials,
                seed=arguments.seed,
                about={
                    "searched": {one.sequence.name: _digest(one) for one in searched},
                    "start": dataclasses.asdict(start),
                },
                step=step,
            )
        best, front = best_of(tried), front_of(tried)
        shown = sorted({0, best, *front})
        tests = {
            number: score(with_values(start, tried[number].values), held_out)
            for number in (shown if held_out else [])
        }
        write_text(folder / "trials.csv", _as_csv(tried, front, tests))
        chosen = with_values(start, tried[best].values)
        head = f"# Trial {best} of `reid-track tune` with {', '.join(arguments.sources)}.\n"
        write_text(folder / "best.yaml", head + _as_yaml(config, chosen))
    if not arguments.quiet:
        _show(tried, shown, tests, best, folder)
    return 0


def _scenes(arguments: argparse.Namespace, config: Config) -> list[Scene]:
    """Return the detections and embeddings of each sequence, with its ground truth."""
    sequences = find_sequences([Path(word) for word in arguments.sources])
    videos = find_videos(arguments, sequences)
    check_frames(sequences, videos)
    truths = [read_truth(one.truth, one.length) for one in sequences]
    found = FoundVideos(config, cached=arguments.cache)
    return [
        Scene(
            one,
            detect_sequence(found, one, videos, config, quiet=arguments.quiet),
            truth,
            benchmark_of(one.name, truth),
        )
        for one, truth in zip(sequences, truths, strict=True)
    ]


def _digest(scene: Scene) -> str:
    """Return a hash of everything except the options that the scores of a sequence depend on."""
    digest = hashlib.sha256(scene.sequence.truth.read_bytes())
    found = scene.found
    for array in (found.times_s, found.motions, found.boxes, found.scores, found.embeddings):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _note(tried: Sequence[Trial]) -> str:
    if not tried:
        return ""
    best = tried[best_of(tried)].score
    return f"best HOTA {100 * best.hota:.1f}, IDF1 {100 * best.idf1:.1f}"


def _as_csv(tried: Sequence[Trial], front: Sequence[int], tests: Mapping[int, Score]) -> str:
    """Return CSV with a header and a line for each trial."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = ["held_out_hota", "held_out_idf1"]
    writer.writerow(["trial", *Score._fields, "front", *columns, *tried[0].values])
    for number, (values, found) in enumerate(tried):
        test = tests[number][:2] if number in tests else ("", "")
        writer.writerow([number, *found, int(number in front), *test, *values.values()])
    return text.getvalue()


def _as_yaml(config: Config, tracker: DeepSortConfig) -> str:
    """Return the models and the tracker as YAML, with "auto" replaced by the chosen model."""
    models = {"detector": config.detector, "encoder": config.encoder}
    names: dict[str, Any] = {"detector": config.detector.model, "encoder": config.encoder.model}
    if names["detector"] == "auto":
        names["detector"] = _name("detector", resolve_detector(config.detector).model)
    if names["encoder"] == "auto":
        names["encoder"] = "none"
        if not has_no_encoder(config.encoder):
            names["encoder"] = _name("encoder", resolve_encoder(config.encoder).model)
    sections: dict[str, Any] = {
        task: {**_changed(section), "model": names[task]} for task, section in models.items()
    }
    sections["tracker"] = dataclasses.asdict(tracker)
    return dump_yaml(sections, sort_keys=False)


def _changed(section: Any) -> dict[str, Any]:
    """Return the keys of a section that differ from the default."""
    defaults = dataclasses.asdict(type(section)())
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(section).items()
        if value != defaults[key]
    }


def _name(task: str, model: str) -> str:
    entry = zoo.recognise(model, Path(model), task)
    return model if entry is None else entry.name


def _show(
    tried: Sequence[Trial],
    shown: Sequence[int],
    tests: Mapping[int, Score],
    best: int,
    folder: Path,
) -> None:
    """Print the scores of the start and of the Pareto front."""
    from rich.table import Table

    table = Table(
        title="the start (trial 0) and the Pareto front; percent",
        title_justify="left",
        box=None,
    )
    names = ["trial", "HOTA", "IDF1", "updates/s"]
    names += ["held out: HOTA", "IDF1"] if tests else []
    for name in names:
        table.add_column(name, justify="right")
    for number in shown:
        found = tried[number].score
        cells = [f"{100 * found.hota:.1f}", f"{100 * found.idf1:.1f}"]
        cells.append(f"{found.updates_per_s:.0f}")
        if tests:
            cells += [f"{100 * value:.1f}" for value in tests[number][:2]]
        mark = "*" if number == best else " "
        table.add_row(f"{number}{mark}", *cells)
    out = console()
    out.print(table)
    out.print(f"* highest sum of HOTA and IDF1: {folder / 'best.yaml'}", highlight=False)
    if not tests:
        out.print("no video was held out, so the result for other footage is unknown")
    elif sum(tests[best][:2]) < sum(tests[0][:2]):
        out.print("on the held-out videos the start is better: the search has overfitted")
