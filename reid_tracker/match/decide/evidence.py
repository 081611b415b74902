"""The evidence that two tracklets show one person: embeddings, ground positions and constraints."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.places.trails import Together
from reid_tracker.match.tracklets.prototypes import (
    PrototypeMemory,
    paired_prototype_distance,
    prototype_distance,
)
from reid_tracker.match.tracklets.table import TrackletTable

_ROWS_AT_ONCE = 128
_MIN_BUCKETS = 3  # a single common moment may be an error of one detector
_DENSE = 0.25  # from this share on, comparing all pairs is faster than picking out the close ones

AnyFloats = TypeVar("AnyFloats", FloatArray, Float32Array, FloatArray | Float32Array)


class Pairs(NamedTuple):
    """The evidence for every pair of (A,) and (B,) tracklets.

    Attributes:
        costs: (A, B) cost of joining them; +inf means impossible.
        possible: (A, B) bool; False if a hard constraint forbids it.
        near: (A, B) bool; True if one can directly follow or accompany the other.
    """

    costs: FloatArray | Float32Array
    possible: BoolArray
    near: BoolArray


def compare(
    table: TrackletTable,
    rows_a: IntArray,
    rows_b: IntArray,
    times: TravelTimes,
    config: MatchConfig,
) -> Pairs:
    """Compare (A,) rows of the table with (B,) rows of it."""
    relations = relate(table, rows_a, rows_b, times)
    costs = _distances(table.prototypes, rows_a, rows_b).astype(np.float64)
    if table.trails.known(rows_a):
        together = table.trails.together(rows_a, rows_b)
        too_fast = _too_fast(table, rows_a, rows_b, config)
        _weigh_positions(costs, together, too_fast, config)
    return Pairs(costs, relations.possible, relations.near)


def compare_all(
    table: TrackletTable, rows: IntArray, times: TravelTimes, config: MatchConfig, limit: float
) -> Pairs:
    """Compare (N,) rows of the table with each other; the result is symmetric, costs are float32.

    N may be thousands. So only half of the pairs is computed, a part at a time, and a pair whose
    mean embeddings are farther apart than `limit` costs the distance of the means.
    """
    memory = table.prototypes
    means = memory.means(rows)
    costs = 1 - means @ means.T
    possible, near = np.empty((2, *costs.shape), np.bool_)
    known = table.trails.known(rows)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        here, rest = slice(start, start + _ROWS_AT_ONCE), slice(start, None)
        part = costs[here, rest]
        relations = relate(table, rows[here], rows[rest], times)
        if memory.vectors.shape[1] > 1:
            _compare_closely(part, memory, rows[here], rows[rest], limit)
        if known:
            together = table.trails.together(rows[here], rows[rest])
            too_fast = _too_fast(table, rows[here], rows[rest], config)
            _weigh_positions(part, together, too_fast, config)
        costs[rest, here] = part.T
        for whole, block in ((possible, relations.possible), (near, relations.near)):
            whole[here, rest] = block
            whole[rest, here] = block.T
    return Pairs(costs, possible, near)


def _compare_closely(
    costs: Float32Array,
    memory: PrototypeMemory,
    rows_a: IntArray,
    rows_b: IntArray,
    limit: float,
) -> None:
    """Replace the (A, B) distances of means that are at most `limit` by those of all prototypes."""
    close = costs <= limit
    if close.mean() > _DENSE:
        np.copyto(costs, _distances(memory, rows_a, rows_b), where=close)
        return
    for row in np.flatnonzero(close.any(axis=1)).tolist():
        columns = np.flatnonzero(close[row])
        own, others = rows_a[row : row + 1], rows_b[columns][None]
        costs[row, columns] = paired_prototype_distance(
            memory.vectors[own], memory.weights[own], memory.vectors[others], memory.weights[others]
        )[0]


def _distances(memory: PrototypeMemory, rows_a: IntArray, rows_b: IntArray) -> Float32Array:
    """Return the (A, B) cosine distances of the prototypes of every pair of tracklets."""
    if memory.vectors.shape[1] == 1:
        return 1 - memory.means(rows_a) @ memory.means(rows_b).T
    return prototype_distance(
        memory.vectors[rows_a],
        memory.weights[rows_a],
        memory.vectors[rows_b],
        memory.weights[rows_b],
    )


def _weigh_positions(
    costs: FloatArray | Float32Array, together: Together, too_fast: BoolArray, config: MatchConfig
) -> None:
    """Change the (A, B) costs of pairs of tracklets by what is known of their ground positions.

    If both have positions at the same times, standing together lowers the cost and standing apart
    raises it, by at most `floor_weight`. It becomes +inf for two people more than `floor_gate_m`
    apart, and for pairs that are too fast.
    """
    known = together.buckets >= _MIN_BUCKETS
    apart = np.where(known, together.metres / config.floor_gate_m, 0.5)
    costs += config.floor_weight * (2 * np.minimum(apart, 1) - 1)
    costs[(known & (apart > 1)) | too_fast] = np.inf


def soft_weights(costs: AnyFloats, softness: float) -> AnyFloats:
    """Return the weight of each pair in the cost of two groups of tracklets; 0 for infinite costs.

    A person seen by several cameras often looks alike in only one view. The plain mean over all
    pairs is too strict then, the minimum too lenient. So each pair weighs exp(-cost / softness):
    a large softness gives the mean, a small one the minimum.
    """
    weights: AnyFloats = np.exp(costs / -softness)
    return weights


def _too_fast(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, config: MatchConfig
) -> BoolArray:
    """Return (A, B) bool: a person would have to be too fast to get from one to the other."""
    trails = table.trails
    wait_ab = trails.first_s[None, rows_b] - trails.last_s[rows_a, None]
    wait_ba = trails.first_s[rows_a, None] - trails.last_s[None, rows_b]
    too_fast = np.zeros(wait_ab.shape, np.bool_)
    for wait_s, ends, starts in (
        (wait_ab, trails.last[rows_a, None], trails.first[None, rows_b]),
        (wait_ba, trails.first[rows_a, None], trails.last[None, rows_b]),
    ):
        # The gate is also the uncertainty of a position.
        most_m = config.floor_gate_m + config.floor_speed_m_s * wait_s
        square = (ends[..., 0] - starts[..., 0]) ** 2 + (ends[..., 1] - starts[..., 1]) ** 2
        # Unknown positions are NaN, never too fast.
        too_fast |= (wait_s > 0) & (square > most_m * most_m)
    return too_fast
