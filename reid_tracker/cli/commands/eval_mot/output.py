"""The outputs of `reid-track eval-mot`: a table, CSV, JSON and pictures."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reid_tracker.cli.report import console, new_file
from reid_tracker.evaluate.mot import (
    Benchmark,
    Following,
    MotReport,
    MotScores,
    MotSequence,
    TrueBoxes,
)
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.video import open_source

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


@dataclass(frozen=True, eq=False)
class Compared:
    """A sequence with its result; `people` is only filled for JSON and pictures."""

    sequence: MotSequence
    result: Path
    benchmark: Benchmark
    truth: TrueBoxes
    found: IdentityBoxes
    people: list[Following]


def _numbers(scores: MotScores) -> dict[str, Any]:
    """Return the scores by name, without those for single thresholds."""
    found = dataclasses.asdict(scores)
    return {name: value for name, value in found.items() if not isinstance(value, tuple)}


def as_csv(compared: Sequence[Compared], report: MotReport) -> str:
    """Return CSV with a header, a line for each sequence and one for all sequences combined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sequence", "benchmark", *_numbers(report.combined)])
    for one in compared:
        name = one.sequence.name
        writer.writerow([name, one.benchmark, *_numbers(report.sequences[name]).values()])
    writer.writerow([_ALL, "", *_numbers(report.combined).values()])
    return text.getvalue()


def as_json(compared: Sequence[Compared], report: MotReport) -> dict[str, Any]:
    """Return the scores, and the people and frames of all switches, fragments and losses."""
    sequences = {}
    for one in compared:
        people = one.people
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


def show(compared: Sequence[Compared], report: MotReport) -> None:
    """Print a table of the most common scores."""
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


def picture_files(arguments: argparse.Namespace, sequences: Sequence[MotSequence]) -> list[Path]:
    """Return the picture file of each sequence, or an empty list without --save-picture.

    Raises:
        MissingDependencyError: matplotlib is not installed.
        OutputError: a file exists.
    """
    if arguments.save_picture is None:
        return []
    from reid_tracker.explain.sheet import require_matplotlib

    require_matplotlib()
    file = Path(arguments.save_picture)
    names = [""] if len(sequences) == 1 else [f"_{one.name}" for one in sequences]
    files = [file.with_name(f"{file.stem}{name}.png") for name in names]
    for one in files:
        new_file(str(one), overwrite=arguments.overwrite)
    return files


def draw(compared: Compared, report: MotReport, video: Path | None, file: Path) -> None:
    """Draw the picture of a sequence, with frames of its id switches if there is a video."""
    from reid_tracker.explain.switch_strips import switch_strips
    from reid_tracker.explain.track_sheet import track_sheet

    name, rate = compared.sequence.name, compared.sequence.frame_rate
    people = compared.people
    switches = [switch for person in people for switch in person.switches]
    strips = []
    if video is not None and switches:
        with open_source(video) as source:
            strips = switch_strips(
                source, switches, compared.truth.boxes, compared.found, rate or 25.0
            )
    sheet = track_sheet(
        name,
        report.sequences[name],
        people,
        combined=report.combined if len(report.sequences) > 1 else None,
        strips=strips,
    )
    sheet.save(file, overwrite=True)
