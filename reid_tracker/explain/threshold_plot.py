"""A picture of two distributions and the thresholds between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.explain.sheet import CYCLE, NORMAL, SMALL, Axes, Sheet, legend

_PANEL = (620, 240)  # width, height
_BELOW = 110  # space for axis labels and the next title
_BINS = 60
_STYLES = ("--", ":", "-.")


@dataclass(frozen=True, eq=False)
class Separation:
    """Two kinds of values, and thresholds between them.

    Attributes:
        title: heading of the panel.
        unit: label of the horizontal axis.
        kinds: (N,) values by name.
        thresholds: by name.
    """

    title: str
    unit: str
    kinds: Mapping[str, FloatArray]
    thresholds: Mapping[str, float]


def draw_separations(separations: Sequence[Separation], title: str) -> Sheet:
    """Draw one panel for each comparison: both distributions, and the thresholds."""
    width, height = _PANEL
    caption = (
        "Each curve shows how the values of one kind are spread; both have the same area. A "
        "threshold is good where the curves cross, and bad where one of them is high on its wrong "
        "side."
    )
    sheet = Sheet(width + 90, len(separations) * (height + _BELOW), title, caption)
    for number, one in enumerate(separations):
        _draw(sheet.chart(64, 36 + number * (height + _BELOW), width, height), one)
    return sheet


def _draw(chart: Axes, one: Separation) -> None:
    values = np.concatenate(list(one.kinds.values()))
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-6), _BINS + 1)
    handles: list[Any] = []
    labels = []
    for colour, (name, kind) in zip(CYCLE, one.kinds.items(), strict=False):
        shares = np.histogram(kind, edges)[0] / max(len(kind), 1)
        drawn = chart.stairs(shares, edges, color=colour, fill=True, alpha=0.5)
        handles.append(drawn)
        labels.append(f"{name} ({len(kind)})")
    for style, (name, value) in zip(_STYLES, one.thresholds.items(), strict=False):
        handles.append(chart.axvline(value, color="black", linestyle=style))
        labels.append(f"{name} {value:.3g}")
    chart.set_title(one.title, fontsize=NORMAL, fontweight="bold", loc="left")
    chart.set_xlabel(one.unit, fontsize=SMALL)
    chart.set_ylabel("share", fontsize=SMALL)
    legend(chart, handles, labels)
