"""Travel times between cameras: a histogram per pair, with the limits of a topology."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reid_tracker.explain.sheet import BLUE, GREY, NORMAL, RED, SKY, SMALL, Axes, Sheet
from reid_tracker.match import PairLinks, Topology

_PANEL = (460, 190)  # width, height
_SPACE = (80, 110)  # between panels, for axis labels
_COLUMNS = 2
_MOST_PAIRS = 16
_BINS = 24
_CAPTION = (
    "For each pair of cameras, in both directions: the time between leaving one view and entering "
    "the other. Light bars left of 0: both cameras saw the person at once, for this long. Red "
    "lines are the limits of the topology; red areas are forbidden. {source}{left_out}"
)


def transit_sheet(
    links: Sequence[PairLinks],
    topology: Topology,
    *,
    learned: bool,
    title: str = "Time from camera to camera",
) -> Sheet:
    """Draw a panel per camera pair, the most used pairs first.

    Args:
        links: transitions from `confident_links`.
        topology: the topology with the limits.
        learned: whether the topology was learned from these transitions.
        title: title of the sheet.
    """
    pairs = sorted(links, key=lambda pair: (-len(pair.waits_s), pair.between))[:_MOST_PAIRS]
    left_out = len(links) - len(pairs)
    source = (
        "The limits were learned in this run, with a margin around all observed times. Pairs with "
        "too few people or too short an observation have no limits."
        if learned
        else "The limits come from the given topology."
    )
    note = f" {left_out} less used pairs are not shown." if left_out else ""
    columns = min(_COLUMNS, max(len(pairs), 1))
    rows = -(-max(len(pairs), 1) // columns)
    (width, height), (beside, below) = _PANEL, _SPACE
    sheet = Sheet(
        max(columns * (width + beside), 640),
        rows * (height + below),
        title,
        _CAPTION.format(source=source, left_out=note),
    )
    if not pairs:
        sheet.text(0, 40, "No person was seen by two cameras with certainty.", colour=GREY)
    for number, pair in enumerate(pairs):
        x = 56 + number % columns * (width + beside)
        y = 52 + number // columns * (height + below)
        _draw_pair(sheet.chart(x, y, width, height), pair, topology)
    return sheet


def duration(seconds: float) -> str:
    """Format a duration: "4.2 s", "1 min 20 s", "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def _draw_pair(chart: Axes, pair: PairLinks, topology: Topology) -> None:
    times = topology.travel_times(pair.between)
    low_s, high_s = float(times.min_s[0, 1]), float(times.max_s[0, 1])
    overlap = bool(times.overlap[0, 1])
    waits = pair.waits_s
    left = min(float(waits.min()), 0.0)
    limits = [low_s, high_s] if math.isfinite(high_s) else [low_s]
    right = max(float(waits.max()), *limits, 1.0)
    step = _bin_width((right - left) / _BINS)
    edges = np.arange(math.floor(left / step), math.ceil(right / step) + 2) * step
    for part, colour in ((waits[waits < 0], SKY), (waits[waits >= 0], BLUE)):
        chart.hist(part, edges.tolist(), color=colour, edgecolor="white", linewidth=0.6)
    span = (edges[0] - step / 2, max(edges[-1], right * 1.08))
    chart.set_xlim(*span)
    chart.locator_params(axis="y", integer=True, nbins=5)
    _draw_limits(chart, span, (low_s if not overlap else None), high_s)
    if left < 0:
        chart.axvline(0, color=GREY, linewidth=0.8)
    names = " \u2013 ".join(pair.between)
    after = waits[waits >= 0]
    median = f", median wait {duration(float(np.median(after)))}" if len(after) else ""
    # Names may contain dollar signs, which would be parsed as math.
    title = chart.set_title(
        f"{names}\n", fontsize=NORMAL, fontweight="bold", loc="left", parse_math=False
    )
    title.set_linespacing(1.25)
    text = f"{len(waits)} transitions{median}; {_in_words(low_s, high_s, overlap)}"
    chart.text(0, 1.04, text, transform=chart.transAxes, fontsize=SMALL, color="#333333")
    chart.set_xlabel("seconds (below 0: seen by both at once)", fontsize=SMALL)
    chart.set_ylabel("transitions", fontsize=SMALL)
    chart.grid(axis="y", alpha=0.3)


def _draw_limits(
    chart: Axes, span: tuple[float, float], low_s: float | None, high_s: float
) -> None:
    """Draw the limits and tint the forbidden areas; None and infinity mean no limit."""
    if low_s is not None:
        chart.axvspan(span[0], low_s, color=RED, alpha=0.1, linewidth=0)
        chart.axvline(low_s, color=RED, linewidth=1.6)
    if math.isfinite(high_s):
        chart.axvspan(max(high_s, span[0]), span[1], color=RED, alpha=0.1, linewidth=0)
        chart.axvline(max(high_s, span[0]), color=RED, linewidth=1.6)


def _in_words(low_s: float, high_s: float, overlap: bool) -> str:
    if high_s < 0:
        return "no direct transition allowed"
    if math.isfinite(high_s):
        allowed = f"allowed: {duration(low_s)} to {duration(high_s)}"
    elif low_s > 0:
        allowed = f"allowed: {duration(low_s)} or longer"
    else:
        allowed = "any time allowed"
    return f"{allowed}, and both at once" if overlap else allowed


def _bin_width(least_s: float) -> float:
    """Return a round width of at least `least_s` seconds."""
    power = 10.0 ** math.floor(math.log10(max(least_s, 1e-3)))
    return next((m * power for m in (1, 2, 5, 10) if m * power >= least_s), 10 * power)
