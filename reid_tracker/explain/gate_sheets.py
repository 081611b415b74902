"""Pictures of gate profiles: of single images, and of clusters of images with similar gates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.errors import InputError
from reid_tracker.explain.choose import spread_by
from reid_tracker.explain.gates import LAST_BLOCKS, GateClusters, GateRecord, in_deviations
from reid_tracker.explain.nets import to_crops
from reid_tracker.explain.sheet import BLUE, GREY, RED, SMALL, Axes, Sheet, line_height, rgb
from reid_tracker.types import ImageBGR

_CROP = (192, 96)  # height, width
_SMALL_CROP = (160, 80)
_CELL = 26  # side of a block's cell for one stream
_NAMES = 62  # width of the column of block names
_ENTRIES = 5  # images in a row of the sheet
_TYPICAL = 8  # crops of a cluster
_DEVIATIONS = 2  # standard deviations at the ends of the colour scale

_PROFILE_CAPTION = (
    "Crops sorted by the scale that the gates prefer: from fine detail to large parts. Each table "
    "has a row per block of the network, first to last, and a column per stream, named by its "
    "receptive field in pixels of the block's feature map (1 pixel is {strides} pixels of the "
    "image in conv2, conv3 and conv4). Blue: the gate passes more of this stream than for the "
    "average of all {total} crops; red: less; in standard deviations over the crops. The scale "
    "below a crop is its mean receptive field, weighted by the gates, also in standard deviations: "
    "below 0 is finer than average, above 0 coarser."
)
_CLUSTER_CAPTION = (
    "{total} crops, clustered by k-means on the gate activations of the last {last} blocks "
    "({blocks}). Each row is a cluster: its {typical} most typical crops, and how much more (blue) "
    "or less (red) of each stream the gates pass than for the average crop. Streams are named by "
    "their receptive field: {fields} pixels of the feature map. Blue bars on the right mean that "
    "the network uses larger parts. Clusters are sorted from fine to coarse by scale: the mean "
    "receptive field, weighted by the gates, in standard deviations from the average crop. The "
    "charts at the top show the average of all crops."
)


def gate_profile_sheet(
    record: GateRecord,
    images: Sequence[ImageBGR],
    *,
    identities: IntArray | None = None,
    count: int = 10,
    title: str = "Gate profiles",
) -> Sheet:
    """Draw images with the streams that the gates prefer for them.

    Args:
        record: gate activations of B images.
        images: the same B images, (H, W, 3) uint8 BGR.
        identities: (B,) identity of each image; then only the first image of each person is drawn.
        count: number of drawn images, spread from finest to coarsest.
        title: title of the sheet.

    Raises:
        InputError: the number of images differs from the record.
    """
    _check_count(record, images)
    coarseness = record.coarseness()
    rows = np.arange(len(images))
    if identities is not None:
        rows = np.unique(identities, return_index=True)[1]
    shown = rows[spread_by(coarseness[rows], count)]
    profiles = in_deviations(record.profiles())
    streams = len(record.receptive_fields)
    entry = _CROP[1] + _NAMES + streams * _CELL + 40
    row_height = _CROP[0] + line_height(SMALL) + 40
    columns = min(_ENTRIES, len(shown))
    lines = -(-len(shown) // columns)
    caption = _PROFILE_CAPTION.format(strides="4, 8 and 16", total=len(record))
    sheet = Sheet(max(columns, 3) * entry, 40 + lines * row_height, title, caption)
    _draw_scale(sheet)
    for index, (row, crop) in enumerate(
        zip(shown.tolist(), to_crops([images[row] for row in shown], _CROP), strict=True)
    ):
        left, top = index % columns * entry, 60 + index // columns * row_height
        sheet.paste(left, top, crop)
        text = f"scale {coarseness[row]:+.2f}"
        sheet.text(left, top + _CROP[0] + 3, text, size=SMALL, colour=GREY)
        _draw_table(sheet, left + _CROP[1], top, record, profiles[row] / _DEVIATIONS)
    return sheet


def gate_cluster_sheet(
    record: GateRecord,
    images: Sequence[ImageBGR],
    clusters: GateClusters,
    *,
    last: int = LAST_BLOCKS,
    title: str = "Clusters of crops with similar gates",
) -> Sheet:
    """Draw clusters of images: typical crops and their gate profile.

    Args:
        record: gate activations of B images.
        images: the same B images, (H, W, 3) uint8 BGR.
        clusters: clusters of the same B images.
        last: number of compared last blocks.
        title: title of the sheet.

    Raises:
        InputError: the number of images differs from the record.
    """
    _check_count(record, images)
    names = record.blocks[-last:]
    caption = _CLUSTER_CAPTION.format(
        total=len(record),
        last=len(names),
        blocks=", ".join(names),
        typical=_TYPICAL,
        fields=", ".join(map(str, record.receptive_fields)),
    )
    height, width = _SMALL_CROP
    row_height, top = height + 64, 230
    sheet_width = _TYPICAL * (width + 6) + 400
    sheet = Sheet(sheet_width, top + clusters.count * row_height, title, caption)
    _draw_average(sheet, record, sheet_width)
    relative = record.relative_profiles()[:, -last:].mean(axis=1)
    bars = np.stack([relative[clusters.labels == c].mean(axis=0) for c in range(clusters.count)])
    limit = max(float(np.abs(bars).max()) * 1.15, 1e-6)
    coarseness = record.coarseness(last)
    for cluster in range(clusters.count):
        y = top + cluster * row_height
        members = clusters.labels == cluster
        heading = (
            f"Cluster {cluster + 1}: {members.sum()} of {len(record)} crops, "
            f"scale {coarseness[members].mean():+.2f}"
        )
        sheet.text(0, y, heading, bold=True)
        shown = clusters.typical(cluster, _TYPICAL)
        for number, crop in enumerate(to_crops([images[row] for row in shown], _SMALL_CROP)):
            sheet.paste(number * (width + 6), y + 24, crop)
        chart = sheet.chart(sheet_width - 290, y + 28, 280, height - 18)
        _draw_bars(chart, record, bars[cluster], (-limit, limit))
        chart.set_ylabel("gate minus average", fontsize=SMALL)
        chart.axhline(0, color="black", linewidth=0.8)
    return sheet


def _draw_average(sheet: Sheet, record: GateRecord, width: int) -> None:
    """Draw the mean profile of all images, a small chart per block."""
    profiles = record.profiles().mean(axis=0)
    sheet.text(0, 0, f"All {len(record)} crops: mean gate activation, from 0 (closed) to 1 (open)")
    step = (width - 40) / len(profiles)
    for number, (name, profile) in enumerate(zip(record.blocks, profiles, strict=True)):
        chart = sheet.chart(40 + number * step, 44, step - 50, 110)
        _draw_bars(chart, record, profile, (0, 1))
        chart.set_title(name, fontsize=SMALL)


def _draw_bars(
    chart: Axes, record: GateRecord, values: npt.NDArray[np.floating], limits: tuple[float, float]
) -> None:
    positions = np.arange(len(values))
    chart.bar(positions, values, 0.7, color=[BLUE if value >= 0 else RED for value in values])
    chart.set_xticks(positions, [str(field) for field in record.receptive_fields])
    chart.set_ylim(*limits)
    chart.set_xlabel("stream, px", fontsize=SMALL)


def _draw_table(
    sheet: Sheet, left: int, top: int, record: GateRecord, values: Float32Array
) -> None:
    """Draw (K, T) values in [-1, 1] as coloured cells, with names of blocks and streams."""
    colours = _diverging(values)
    x = left + _NAMES
    for number, field in enumerate(record.receptive_fields):
        centre = x + (number + 0.5) * _CELL
        sheet.text(centre, top - 16, f"{field}", size=SMALL, align="center", colour=GREY)
    for number, name in enumerate(record.blocks):
        y = top + number * _CELL + 5
        sheet.text(x - 6, y, name, size=SMALL, align="right", colour=GREY)
    enlarged = colours.repeat(_CELL, axis=0).repeat(_CELL, axis=1)
    enlarged[::_CELL] = enlarged[:, ::_CELL] = 255  # thin white lines between the cells
    sheet.paste(x, top, enlarged, border=1, colour="#CCCCCC")


def _draw_scale(sheet: Sheet) -> None:
    """Draw the colour scale at the top."""
    ramp = _diverging(np.tile(np.linspace(-1, 1, 200, dtype=np.float32), (14, 1)))
    sheet.text(0, 0, f"-{_DEVIATIONS}", size=SMALL)
    sheet.paste(26, 2, ramp)
    text = f"+{_DEVIATIONS} standard deviations from the average crop's gate"
    sheet.text(234, 0, text, size=SMALL)


def _diverging(values: Float32Array) -> ImageBGR:
    """Colour (h, w) values in [-1, 1]: red below 0, white at 0, blue above; (h, w, 3) uint8 BGR."""
    strength = np.minimum(np.abs(values), 1)[..., None]
    full = np.where(values[..., None] < 0, rgb(RED)[::-1], rgb(BLUE)[::-1])
    return np.rint(255 + (full - 255.0) * strength).astype(np.uint8)


def _check_count(record: GateRecord, images: Sequence[ImageBGR]) -> None:
    if len(images) != len(record):
        raise InputError(
            f"got {len(images)} images and a record of {len(record)}; expected the same images"
        )
