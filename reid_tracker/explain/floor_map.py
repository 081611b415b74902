"""A floor plan from above: the paths of people and the view of each camera."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.explain.sheet import BLACK, SMALL, Axes, Sheet
from reid_tracker.explain.timeline import camera_colour
from reid_tracker.fusion import fuse
from reid_tracker.match import FloorPath

_WIDTH = 900
_HEIGHTS = (360, 900)  # minimum, maximum
_STEPS_M = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_MARGIN_M = 0.5
_STEP_S, _BRIDGE_S = 0.5, 5.0
_FADES = 10  # steps from pale to full along a path
_CAPTION = (
    "The ground plane from above, in metres. Each line is the path of a person, in the colour of "
    "the person in the videos; it begins pale, and ends at the dot with the person's number. If "
    "several cameras saw a person, the line combines their positions; the surest counts most. "
    "Tinted areas show where each camera can locate people on the ground."
)


def floor_sheet(
    paths: Sequence[FloorPath],
    footprints: Mapping[str, FloatArray],
    colours: Mapping[int, str],
    *,
    title: str = "Where people walked",
) -> Sheet:
    """Draw the map.

    Args:
        paths: paths of people by camera.
        footprints: (K, 2) outline of each camera's view in metres, by name; K may be 0.
        colours: "#RRGGBB" by identity.
        title: title of the sheet.
    """
    low, high = _extent(paths, footprints)
    size = np.maximum(high - low, 1.0)
    height = int(np.clip(_WIDTH * size[1] / size[0], *_HEIGHTS))
    width = min(_WIDTH, int(height * size[0] / size[1]))
    sheet = Sheet(max(60 + width, 640), height + 50, title, _CAPTION)
    chart = sheet.chart(56, 4, width, height)
    chart.set_xlim(low[0], high[0])
    chart.set_ylim(low[1], high[1])
    chart.set_aspect("equal", adjustable="box")
    step = next((s for s in _STEPS_M if max(size) / s <= 24), _STEPS_M[-1])
    for axis, (start, stop) in zip("xy", zip(low, high, strict=True), strict=True):
        ticks = np.arange(np.ceil(start / step) * step, stop + 1e-9, step)
        getattr(chart, f"set_{axis}ticks")(ticks)
    chart.grid(color="#dddddd", linewidth=0.7)
    chart.set_xlabel(f"metres (a square is {step:g} m)", fontsize=SMALL)
    chart.set_ylabel("metres", fontsize=SMALL)
    _draw_views(chart, footprints)
    for identity in sorted({path.identity for path in paths}):
        mine = merged_path([path for path in paths if path.identity == identity])
        # Hidden feet can be located far away; lines to them would cross the whole map.
        mine = mine[((mine[:, 1:] >= low) & (mine[:, 1:] <= high)).all(axis=1)]
        if len(mine):
            _draw_path(chart, identity, mine, colours[identity])
    return sheet


def merged_path(paths: Sequence[FloorPath]) -> FloatArray:
    """Return a person's path over all cameras: (K, 3) seconds, x, y, for each half second.

    Positions within a half second are fused with their covariances.

    Args:
        paths: at least one path of the identity.
    """
    places = np.concatenate([path.places for path in paths])
    bucket = np.floor(places[:, 0] / _STEP_S + 1e-6).astype(np.int64)
    _, group, count = np.unique(bucket, return_inverse=True, return_counts=True)
    times_s = np.bincount(group, places[:, 0]) / count
    covariances = np.concatenate([path.covariances for path in paths])
    return np.column_stack([times_s, fuse(places[:, 1:], covariances, group)[0]])


def _draw_path(chart: Axes, identity: int, path: FloatArray, colour: str) -> None:
    """Draw a line, interrupted where the person was out of sight for long, and its end."""
    breaks = np.flatnonzero(np.diff(path[:, 0]) > _BRIDGE_S) + 1
    start_s, length_s = path[0, 0], max(np.ptp(path[:, 0]), _STEP_S)
    for piece in np.split(path, breaks):
        x, y = _smoothed(piece[:, 1]), _smoothed(piece[:, 2])
        age = np.floor((piece[:, 0] - start_s) / length_s * _FADES).astype(int)
        for first in np.flatnonzero(np.diff(age, prepend=-1)).tolist():
            part = slice(first, first + int((age[first:] == age[first]).sum()) + 1)
            strength = 0.2 + 0.75 * min(age[first] + 1, _FADES) / _FADES
            chart.plot(
                x[part], y[part], color=colour, linewidth=1.8, alpha=strength,
                solid_capstyle="butt",
            )  # fmt: skip
    x, y = path[-1, 1:].tolist()
    chart.plot([x], [y], "o", color=colour, markersize=13, markeredgecolor="white", clip_on=True)
    red, green, blue = bytes.fromhex(colour[1:])
    ink = BLACK if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "white"
    chart.text(
        x, y, str(identity), fontsize=SMALL - 1.5, color=ink, ha="center", va="center",
        clip_on=True,
    )  # fmt: skip


def _smoothed(values: FloatArray) -> FloatArray:
    """Return the mean of each value and its two neighbours, since boxes jitter."""
    if len(values) < 3:
        return values
    padded = np.concatenate([values[:1], values, values[-1:]])
    mean: FloatArray = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return mean


def _draw_views(chart: Axes, footprints: Mapping[str, FloatArray]) -> None:
    for number, (name, line) in enumerate(footprints.items()):
        if not len(line):
            continue
        colour = camera_colour(number)
        chart.fill(*line.T, color=colour, alpha=0.07, linewidth=0)
        chart.plot(*np.concatenate([line, line[:1]]).T, color=colour, linewidth=1.1)
        near = line[: len(line) // 2].mean(axis=0)
        chart.annotate(
            name, near, fontsize=SMALL, color=colour, ha="center", va="center",
            bbox={"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": colour},
            annotation_clip=True, parse_math=False, zorder=5,
        )  # fmt: skip


def _extent(
    paths: Sequence[FloorPath], footprints: Mapping[str, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper corner of the map, with a margin."""
    points = [line for line in footprints.values() if len(line)]
    # Hidden feet can be located far away; ignore such outliers in the scale of the map.
    walked = [path.places[:, 1:] for path in paths]
    if walked:
        points.append(np.quantile(np.concatenate(walked), [0.01, 0.99], axis=0))
    every = np.concatenate(points) if points else np.array([[-5.0, -5], [5, 5]])
    return np.floor(every.min(axis=0) - _MARGIN_M), np.ceil(every.max(axis=0) + _MARGIN_M)
