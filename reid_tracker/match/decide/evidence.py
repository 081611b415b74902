"""The evidence that two tracklets show one person: embeddings, ground positions and constraints."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.prototypes import prototype_distance
from reid_tracker.match.tracklets.table import TrackletTable

_ROWS_AT_ONCE = 512
_MIN_BUCKETS = 3  # a single common moment may be an error of one detector


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
    return Pairs(
        pair_costs(table, rows_a, rows_b, config), possible=relations.possible, near=relations.near
    )


def compare_all(
    table: TrackletTable, rows: IntArray, times: TravelTimes, config: MatchConfig
) -> Pairs:
    """Compare (N,) rows of the table with each other; the result is symmetric, costs are float32.

    Only half of the pairs is computed, and a part at a time, because N may be thousands.
    """
    count = len(rows)
    costs = np.empty((count, count), np.float32)
    possible, near = np.empty((2, count, count), np.bool_)
    for start in range(0, count, _ROWS_AT_ONCE):
        here, rest = slice(start, start + _ROWS_AT_ONCE), slice(start, count)
        part = compare(table, rows[here], rows[rest], times, config)
        for whole, found in zip((costs, possible, near), part, strict=True):
            whole[here, rest] = found
            whole[rest, here] = found.T
    return Pairs(costs, possible, near)


def pair_costs(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, config: MatchConfig
) -> FloatArray:
    """Return the (A, B) cost of joining every pair of tracklets.

    The cost is the cosine distance of their embeddings. If both have ground positions at the same
    times, standing together lowers it and standing apart raises it, by at most `floor_weight`. It
    is +inf for two people more than `floor_gate_m` apart, and where a person would have to be
    faster than `floor_speed_m_s` between the two sightings.
    """
    memory = table.prototypes
    costs: FloatArray
    if config.prototypes == 1:
        costs = (1 - memory.means(rows_a) @ memory.means(rows_b).T).astype(np.float64)
    else:
        costs = prototype_distance(
            memory.vectors[rows_a],
            memory.weights[rows_a],
            memory.vectors[rows_b],
            memory.weights[rows_b],
        ).astype(np.float64)
    if not np.isfinite(table.trails.last[rows_a]).any():
        return costs
    together = table.trails.together(rows_a, rows_b)
    known = together.buckets >= _MIN_BUCKETS
    apart = np.where(known, together.metres / config.floor_gate_m, 0.5)
    costs += config.floor_weight * (2 * np.minimum(apart, 1) - 1)
    costs[(known & (apart > 1)) | _too_fast(table, rows_a, rows_b, config)] = np.inf
    return costs


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
