"""A map of embeddings: a two-dimensional t-SNE layout that keeps neighbours together."""

from __future__ import annotations

from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.errors import InputError, MissingDependencyError
from reid_tracker.explain.choose import spread
from reid_tracker.explain.sheet import CYCLE, GREY, SMALL, Axes, Sheet, legend
from reid_tracker.types import Embeddings

MAX_IMAGES = 2000
"""t-SNE takes about a minute for this many images; further identities are left out."""

_MIN_IMAGES = 4
_PERPLEXITY = 30
_NUMBERED_IDENTITIES = 40
_NAMED_CAMERAS = 8
_MARKERS = "o^sDvPX*"
_SIZE = 1000  # side of the plotting area, pixels
_SEED = 0
_SPOKE_WIDTH = 0.7

_CAPTION = (
    "Each mark is one of {shown} images of {people} people. Images with similar embeddings (by "
    "cosine) are close together. A good encoder puts all images of a person into one tight group, "
    "whatever the camera. Colour: person{repeat}. Shape: camera. Thin lines connect each image "
    "with the mean position of its person{numbers}; a long line shows an outlier. Layout: t-SNE "
    "(perplexity {perplexity}). Only neighbourhoods have a meaning; directions, scale and "
    "distances between groups have none."
)


def embedding_map(embeddings: Embeddings, *, seed: int = _SEED) -> Float32Array:
    """Compute a t-SNE layout: cosine distance, initialised with principal components.

    Args:
        embeddings: (N, D) float32, N >= 4.
        seed: seed of the layout.

    Returns:
        (N, 2) float32 positions without unit.

    Raises:
        InputError: there are too few embeddings.
        MissingDependencyError: scikit-learn is not installed.
    """
    tsne = require_scikit_learn()
    if len(embeddings) < _MIN_IMAGES:
        raise InputError(
            f"cannot draw a map of {len(embeddings)} embeddings; expected at least {_MIN_IMAGES}"
        )
    layout = tsne(
        perplexity=_perplexity(len(embeddings)), init="pca", metric="cosine", random_state=seed
    )
    positions: Float32Array = layout.fit_transform(np.asarray(embeddings, np.float32))
    return positions


def require_scikit_learn() -> Any:
    """Import scikit-learn and return its TSNE class.

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError:
        raise MissingDependencyError(
            "the map of embeddings needs the package scikit-learn; "
            "install it with pip install 'reid-tracker[explain]'"
        ) from None
    return TSNE


def choose_people(identities: IntArray, most: int = MAX_IMAGES) -> IntArray:
    """Choose whole identities, evenly spread, with at most `most` images together.

    Junk and distractors (identities below 1) are ignored.

    Args:
        identities: (N,) int64.
        most: maximum number of rows.

    Returns:
        Row numbers, ascending.
    """
    people, counts = np.unique(identities[identities > 0], return_counts=True)
    for wanted in range(len(people), 0, -1):
        kept = spread(len(people), wanted)
        if counts[kept].sum() <= most or wanted == 1:
            rows: IntArray = np.nonzero(np.isin(identities, people[kept]))[0].astype(np.int64)
            return rows
    return np.empty(0, np.int64)


def map_sheet(
    positions: Float32Array,
    identities: IntArray,
    cameras: IntArray,
    *,
    title: str = "Map of embeddings",
) -> Sheet:
    """Draw a map of embeddings, coloured by identity.

    Args:
        positions: (N, 2) from `embedding_map`.
        identities: (N,) int64.
        cameras: (N,) int64.
        title: title of the sheet.

    Raises:
        InputError: the lengths differ.
    """
    if not len(positions) == len(identities) == len(cameras):
        raise InputError(
            f"map_sheet got {len(positions)} positions, {len(identities)} identities and "
            f"{len(cameras)} cameras, expected one of each per image"
        )
    people, person = np.unique(identities, return_inverse=True)
    caption = _CAPTION.format(
        shown=len(positions),
        people=len(people),
        repeat="" if len(people) <= len(CYCLE) else f" ({len(CYCLE)} colours, repeated)",
        numbers=", which shows its number" if len(people) <= _NUMBERED_IDENTITIES else "",
        perplexity=f"{_perplexity(len(positions)):.0f}",
    )
    sheet = Sheet(_SIZE + 180, _SIZE, title, caption)
    chart = sheet.chart(0, 0, _SIZE, _SIZE)
    chart.set(xticks=[], yticks=[])
    for spine in chart.spines.values():
        spine.set_visible(True)
        spine.set_color(GREY)
    sums = np.stack([np.bincount(person, positions[:, axis]) for axis in (0, 1)], axis=1)
    middles: FloatArray = sums / np.bincount(person)[:, None]  # mean position of each person
    _draw_spokes(chart, positions, person, middles)
    _draw_marks(chart, positions, person, cameras)
    if len(people) <= _NUMBERED_IDENTITIES:
        _draw_numbers(chart, people, middles)
    _draw_legends(chart, people, np.unique(cameras))
    return sheet


def _draw_numbers(chart: Axes, people: IntArray, middles: FloatArray) -> None:
    for identity, (x, y) in zip(people.tolist(), middles, strict=True):
        chart.text(
            x, y, f"{identity}", fontsize=SMALL, fontweight="bold", ha="center", va="center",
            zorder=4,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "linewidth": 0, "alpha": 0.8},
        )  # fmt: skip


def _draw_spokes(
    chart: Axes, positions: Float32Array, person: IntArray, middles: FloatArray
) -> None:
    for number in range(len(middles)):
        own = positions[person == number]
        ends = np.full((3 * len(own), 2), np.nan)  # NaN ends the line after each spoke
        ends[0::3], ends[1::3] = own, middles[number]
        colour = CYCLE[number % len(CYCLE)]
        chart.plot(ends[:, 0], ends[:, 1], color=colour, linewidth=_SPOKE_WIDTH, alpha=0.5)


def _draw_marks(chart: Axes, positions: Float32Array, person: IntArray, cameras: IntArray) -> None:
    colours = np.array(CYCLE)[person % len(CYCLE)]
    for number, camera in enumerate(np.unique(cameras)):
        own = cameras == camera
        chart.scatter(
            positions[own, 0], positions[own, 1], s=22 if len(positions) > 300 else 45,
            c=colours[own].tolist(), marker=_MARKERS[number % len(_MARKERS)], edgecolors="white",
            linewidths=0.5, zorder=3,
        )  # fmt: skip


def _draw_legends(chart: Axes, people: IntArray, cameras: IntArray) -> None:
    """Add legends of cameras and people to the right of the map, if they are few."""
    shapes = [_sample(chart, marker=_MARKERS[n % len(_MARKERS)]) for n in range(len(cameras))]
    dots = [_sample(chart, color=CYCLE[n % len(CYCLE)]) for n in range(len(people))]
    top = 1.0
    for items, kind, most in ((shapes, "camera", _NAMED_CAMERAS), (dots, "person", len(CYCLE))):
        if len(items) <= most:
            labels = [f"{kind} {name}" for name in (cameras if kind == "camera" else people)]
            # A chart has one legend; adding it as an artist keeps it when the next one is made.
            box = legend(chart, items, labels, loc="upper left", bbox_to_anchor=(1.01, top))
            box.remove()
            chart.add_artist(box)
            top -= 0.25


def _sample(chart: Axes, *, marker: str = "o", color: str = GREY) -> object:
    """Return a mark for a legend, invisible on the map."""
    return chart.plot([], [], linestyle="", marker=marker, color=color)[0]


def _perplexity(count: int) -> float:
    """Return t-SNE's number of neighbours, which must be smaller than the number of images."""
    return min(_PERPLEXITY, (count - 1) / 3)
