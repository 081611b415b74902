"""Seconds on an axis and in words, as people read a clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reid_tracker.explain.sheet import SMALL

if TYPE_CHECKING:
    from reid_tracker.explain.sheet import Axes

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)
_MOST_TICKS = 14


def show_seconds(chart: Axes) -> None:
    """Put round times, written as a clock's, on the x axis of a chart whose unit is a second."""
    low, high = chart.get_xlim()
    step = next((s for s in _STEPS_S if (high - low) / s <= _MOST_TICKS), 86400)
    ticks = np.arange(np.ceil(low / step) * step, high + 1e-6, step)
    chart.set_xticks(ticks, [clock(tick) for tick in ticks.tolist()])
    hours = high >= 3600
    chart.set_xlabel(f"time since the start ({'h:' if hours else ''}min:s)", fontsize=SMALL)


def clock(seconds: float) -> str:
    """Write a time as min:s, or h:min:s from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def duration(seconds: float) -> str:
    """Write how long something takes: "4.2 s", "1 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
