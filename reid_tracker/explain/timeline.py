"""A timeline: which camera saw which person, and when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.explain.sheet import CYCLE, GREY, NORMAL, SMALL, Axes, Sheet, legend
from reid_tracker.match import Sighting

_WIDTH = 1080
_LEFT = 60
_MOST_ROWS = 60  # few programs can open taller images
_KEY_HEIGHT = 34
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)
_MOST_TICKS = 14
_CAPTION = (
    "One row per person, one bar per uninterrupted sighting, in the colour of the camera. Bars of "
    "two colours above each other mean that two cameras saw the person at the same time. Numbers "
    "are the final identities at the end of the run.{left_out}"
)


def timeline_sheet(
    sightings: Sequence[Sighting],
    cameras: Sequence[str],
    end_s: float,
    *,
    title: str = "Who was where, when",
) -> Sheet:
    """Draw a row per identity, in order of first appearance.

    Args:
        sightings: sightings in any order; identity 0 is ignored.
        cameras: names of all cameras, in the order of their colours.
        end_s: end of the time axis, seconds.
        title: title of the sheet.

    Raises:
        InputError: the camera of a sighting is not in `cameras`.
    """
    known = sorted(
        (item for item in sightings if item.identity > 0),
        key=lambda item: (item.first_s, item.identity, item.camera),
    )
    unknown = sorted({item.camera for item in known} - set(cameras))
    if unknown:
        raise InputError(f"cameras {unknown} have sightings but are not among {list(cameras)}")
    order = list(dict.fromkeys(item.identity for item in known))
    rows = _most_seen(known, order)
    left_out = len(order) - len(rows)
    note = f" {left_out} more people, seen for a shorter time, are not shown." if left_out else ""
    pitch = max(16, min(30, 14 + 6 * len(cameras)))
    height = max(90, pitch * len(rows))
    sheet = Sheet(_LEFT + _WIDTH, _KEY_HEIGHT + height + 46, title, _CAPTION.format(left_out=note))
    chart = sheet.chart(_LEFT, _KEY_HEIGHT, _WIDTH - 12, height)
    _draw_bars(chart, known, rows, cameras)
    chart.set_yticks(range(len(rows)), [str(identity) for identity in rows])
    chart.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    chart.set_xlim(0, max(end_s, 1e-3))
    chart.set_ylabel("person", fontsize=NORMAL)
    _show_seconds(chart)
    chart.grid(axis="x", alpha=0.35)
    chart.hlines(
        np.arange(len(rows) - 1) + 0.5, 0, max(end_s, 1e-3), colors="#e6e6e6", linewidth=0.6
    )
    if not rows:
        chart.text(
            0.5, 0.5, "no identity was decided", transform=chart.transAxes, ha="center", color=GREY
        )
    handles = [chart.barh([0], [0], color=camera_colour(n)) for n in range(len(cameras))]
    legend(
        chart, handles, list(cameras), loc="lower left", bbox_to_anchor=(0, 1.0),
        ncols=min(8, len(cameras)), borderaxespad=0.2,
    )  # fmt: skip
    return sheet


def camera_colour(number: int) -> str:
    """Return the colour of a camera by its number, from 0."""
    return CYCLE[number % len(CYCLE)]


def _most_seen(known: Sequence[Sighting], order: Sequence[int]) -> list[int]:
    """Return the identities that were seen longest, in the given order."""
    seen_s = dict.fromkeys(order, 0.0)
    for item in known:
        seen_s[item.identity] += item.last_s - item.first_s
    kept = set(sorted(order, key=lambda identity: -seen_s[identity])[:_MOST_ROWS])
    return [identity for identity in order if identity in kept]


def _draw_bars(
    chart: Axes, known: Sequence[Sighting], rows: Sequence[int], cameras: Sequence[str]
) -> None:
    """Draw the bars, one lane per camera within each row."""
    place = {identity: row for row, identity in enumerate(rows)}
    lane = 0.8 / max(len(cameras), 1)
    for number, camera in enumerate(cameras):
        mine = [item for item in known if item.camera == camera and item.identity in place]
        if mine:
            chart.barh(
                [place[item.identity] - 0.4 + lane * (number + 0.5) for item in mine],
                [max(item.last_s - item.first_s, 0.05) for item in mine],
                left=[item.first_s for item in mine],
                height=lane * 0.92,
                color=camera_colour(number),
            )
    chart.tick_params(axis="y", length=0, labelsize=SMALL)


def _show_seconds(chart: Axes) -> None:
    """Put round clock times on the x axis of a chart in seconds."""
    low, high = chart.get_xlim()
    step = next((s for s in _STEPS_S if (high - low) / s <= _MOST_TICKS), 86400)
    ticks = np.arange(np.ceil(low / step) * step, high + 1e-6, step)
    chart.set_xticks(ticks, [clock(tick) for tick in ticks.tolist()])
    hours = high >= 3600
    chart.set_xlabel(f"time since the start ({'h:' if hours else ''}min:s)", fontsize=SMALL)


def clock(seconds: float) -> str:
    """Format seconds as min:s, or h:min:s from one hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
