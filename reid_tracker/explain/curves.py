"""Training curves: losses, learning rate and held-out scores per epoch, of one or more runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.errors import InputError
from reid_tracker.explain.sheet import CYCLE, GREY, NORMAL, SMALL, Axes, Sheet, legend, line_height

METRICS_FILE = "metrics.jsonl"
"""File of `reid-track train` in the folder of a run, one line per epoch."""

_PANEL = (460, 240)  # width, height
_COLUMNS = 3
_SPACE = (90, 96)  # between panels, for axis labels
_STYLES = ("-", "--", ":", "-.")
_LINE_WIDTH = 1.6
_MANY_EPOCHS = 60  # with more, markers would hide the line
_SCORES = {"rank-1": "held-out rank-1", "mAP": "held-out mAP"}
_CAPTION = (
    "One panel per quantity, over the epochs. Losses should fall and then level out. Rank-1 and "
    "mAP measure how well people outside the training set are found again, from 0 to 1; higher is "
    "better. {phases}{runs}"
)
_PHASES = "Dotted vertical lines mark where the height of the training images changes (in pixels). "


@dataclass(frozen=True, eq=False)
class TrainingCurve:
    """Measurements of a training run.

    Attributes:
        name: name of the run.
        epochs: (E,) from 1.
        heights: (E,) image height in pixels.
        series: (E,) values by name, NaN where missing: losses (with "total"), "learning rate",
            "images/s", "rank-1" and "mAP".
    """

    name: str
    epochs: FloatArray
    heights: FloatArray
    series: dict[str, FloatArray]

    def phases(self) -> list[tuple[float, int]]:
        """Return the first epoch and image height of each phase of constant height."""
        starts = [0, *(np.nonzero(np.diff(self.heights))[0] + 1).tolist()]
        return [(float(self.epochs[start]), int(self.heights[start])) for start in starts]


def read_curve(run: str | Path, name: str | None = None) -> TrainingCurve:
    """Read the measurements of a training run, finished or not.

    Args:
        run: folder of a `reid-track train` run, or its metrics.jsonl.
        name: name of the run; by default that of the folder.

    Raises:
        InputError: the file does not exist yet, or a line is malformed.
    """
    run = Path(run)
    path = run / METRICS_FILE if run.is_dir() else run
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; expected the folder of a `reid-track train` run that has "
            "finished its first epoch"
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); expected JSON lines") from None
    records = [_record(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not records:
        raise InputError(f"{path}: contains no epoch yet; wait for the first one to end")
    losses = list(dict.fromkeys(key for record in records for key in record["losses"]))
    losses.sort(key=lambda key: key != "total")  # the total first
    series = {key: _column(record["losses"].get(key) for record in records) for key in losses}
    series["learning rate"] = _column(record["lr"] for record in records)
    series["images/s"] = _column(record.get("images_per_s") for record in records)
    series["rank-1"] = _column(record.get("rank1") for record in records)
    series["mAP"] = _column(record.get("mean_ap") for record in records)
    return TrainingCurve(
        name or path.resolve().parent.name,
        _column(record["epoch"] for record in records),
        _column(record["height"] for record in records),
        series,
    )


def curve_sheet(curves: Sequence[TrainingCurve], *, title: str | None = None) -> Sheet:
    """Draw the curves of runs, one panel per quantity.

    Args:
        curves: at least one run.
        title: title of the sheet; by default it names a single run.

    Raises:
        InputError: there is no run.
    """
    if not curves:
        raise InputError("curve_sheet got no run, expected at least one")
    if title is None:
        title = "Training curves" + (f": {curves[0].name}" if len(curves) == 1 else "")
    names = _panels(curves)
    columns = min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    (width, height), (beside, below) = _PANEL, _SPACE
    key_height = (len(curves) + 2) // 3 * (line_height(SMALL) + 4) + 12 if len(curves) > 1 else 0
    phased = any(len(curve.phases()) > 1 for curve in curves)
    caption = _CAPTION.format(
        phases=_PHASES if phased else "",
        runs="Each run has its own colour." if len(curves) > 1 else "",
    )
    body = key_height + rows * (height + below)
    sheet = Sheet(columns * (width + beside) - 20, body, title, caption)
    for number, name in enumerate(names):
        x = 64 + number % columns * (width + beside)
        y = key_height + 36 + number // columns * (height + below)
        chart = sheet.chart(x, y, width, height)
        _draw_panel(chart, name, curves)
        if number == 0 and len(curves) > 1:
            _draw_key(chart, curves, key_height / height)
    return sheet


def _draw_panel(chart: Axes, name: str, curves: Sequence[TrainingCurve]) -> None:
    for number, curve in enumerate(curves):
        colour = CYCLE[number % len(CYCLE)]
        values = curve.series.get(name)
        if values is not None and not np.isnan(values).all():
            known = ~np.isnan(values)  # connect the epochs that have a score
            chart.plot(
                curve.epochs[known], values[known], _style(number), color=colour,
                linewidth=_LINE_WIDTH, marker="o" if known.sum() <= _MANY_EPOCHS else "",
                markersize=3.5,
            )  # fmt: skip
        _mark_phases(chart, curve, number, colour if len(curves) > 1 else GREY)
    chart.set_title(_heading(name), fontsize=NORMAL, fontweight="bold", loc="left")
    chart.set_xlabel("epoch", fontsize=SMALL)
    chart.grid(alpha=0.3)
    _scale(chart, name)


def _scale(chart: Axes, name: str) -> None:
    if name in _SCORES:
        chart.set_ylim(0, 1)
        chart.set_ylabel("1 is perfect", fontsize=SMALL)
    elif name == "learning rate":
        chart.ticklabel_format(axis="y", style="sci", scilimits=(-3, 3))
        chart.set_ylim(bottom=0)
    elif name == "images/s":
        chart.set_ylim(bottom=0)
    low, high = chart.get_xlim()
    if high - low < 1:  # a single epoch
        chart.set_xlim(low - 1, high + 1)
    chart.locator_params(axis="x", integer=True)


def _mark_phases(chart: Axes, curve: TrainingCurve, line: int, colour: str) -> None:
    """Mark where the image size changes; line `line` of text, from the top, belongs to this run."""
    phases = curve.phases()
    if len(phases) < 2:
        return
    for epoch, height in phases:
        chart.axvline(epoch, color=colour, linewidth=0.9, linestyle=":")
        chart.annotate(
            f"{height}", (epoch, 1), xycoords=("data", "axes fraction"),
            xytext=(2, -3 - line * SMALL), textcoords="offset points", fontsize=SMALL - 1,
            color=colour, va="top",
        )  # fmt: skip


def _draw_key(chart: Axes, curves: Sequence[TrainingCurve], above: float) -> None:
    """Draw the names of the runs above the first panel."""
    handles = [
        chart.plot([], [], _style(n), color=CYCLE[n % len(CYCLE)], linewidth=_LINE_WIDTH)[0]
        for n in range(len(curves))
    ]
    # matplotlib hides labels that begin with an underscore.
    labels = [curve.name.lstrip("_") or f"run {n + 1}" for n, curve in enumerate(curves)]
    where = (0, 1 + 36 / _PANEL[1] + above)
    legend(chart, handles, labels, loc="upper left", bbox_to_anchor=where, ncols=3)


def _panels(curves: Sequence[TrainingCurve]) -> list[str]:
    """Return the names of all quantities: scores first, then losses, then the rest."""
    names = dict.fromkeys(
        name
        for curve in curves
        for name, values in curve.series.items()
        if not np.isnan(values).all()
    )
    last = ["learning rate", "images/s"]
    scores = [name for name in _SCORES if name in names]
    losses = [name for name in names if name not in (*_SCORES, *last)]
    return [*scores, *losses, *(name for name in last if name in names)]


def _heading(name: str) -> str:
    if name in _SCORES:
        return _SCORES[name]
    if name == "images/s":
        return "speed (images/s)"
    if name == "learning rate":
        return name
    return f"{name.replace('_', ' ')} loss"


def _style(number: int) -> str:
    """Return a line style, which changes when all colours are used."""
    return _STYLES[number // len(CYCLE) % len(_STYLES)]


def _record(line: str, path: Path, number: int) -> dict[str, Any]:
    """Parse one line and check its numbers."""
    try:
        record = json.loads(line)
        if not np.isfinite([float(record[key]) for key in ("epoch", "height", "lr")]).all():
            raise ValueError
        for value in record["losses"].values():
            float(value)
        _column(record.get(key) for key in ("images_per_s", "rank1", "mean_ap"))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise InputError(
            f"{path} line {number}: not an epoch of `reid-track train`; expected a JSON object "
            "with epoch, height, lr and losses"
        ) from None
    checked: dict[str, Any] = record
    return checked


def _column(values: Any) -> FloatArray:
    return np.array([np.nan if value is None else float(value) for value in values], np.float64)
