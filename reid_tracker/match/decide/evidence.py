"""The evidence that two tracklets show one person: embeddings, ground positions and constraints."""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.alignment import camera_means, camera_shifts, shifted
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.prototypes import (
    PrototypeMemory,
    all_prototype_distances,
    paired_prototype_distance,
    prototype_distance,
)
from reid_tracker.match.tracklets.table import TrackletTable

_ROWS_AT_ONCE = 128
_PAIRS_AT_ONCE = 256
_SAMPLE = 64  # rows that show how many pairs are close
_MIN_BUCKETS = 3  # a single common moment may be an error of one detector
_DENSE = 0.02  # from this share on, comparing all pairs is faster than picking out the close ones
SAME_CAMERA = 0.3
"""Part of `revise_threshold` that is added to the cost of two tracklets of one camera: half of what
a second camera adds to the distance of one person (`city_looks`: view and camera)."""

AnyFloats = TypeVar("AnyFloats", FloatArray, Float32Array, FloatArray | Float32Array)


class Pairs(NamedTuple):
    """The evidence for every pair of (A,) and (B,) tracklets.

    Attributes:
        costs: (A, B) cost of joining them; +inf if a hard constraint or a position forbids it.
        near: (A, B) bool; True if one can directly follow or accompany the other.
    """

    costs: FloatArray | Float32Array
    near: BoolArray


def compare(
    table: TrackletTable,
    rows_a: IntArray,
    rows_b: IntArray,
    times: TravelTimes,
    config: MatchConfig,
) -> Pairs:
    """Compare (A,) rows of the table with (B,) rows of it."""
    possible, near = relate(table, rows_a, rows_b, times)
    costs = _distances(table.prototypes, rows_a, rows_b).astype(np.float64)
    costs[~possible] = np.inf
    if table.trails.known(rows_a):
        _weigh_positions(costs, table, rows_a, rows_b, config)
    return Pairs(costs, near)


def compare_all(
    table: TrackletTable, rows: IntArray, times: TravelTimes, config: MatchConfig, limit: float
) -> Pairs:
    """Compare (N,) rows of the table with each other; the result is symmetric, costs are float32.

    Two tracklets of one camera lack what two cameras make of a person: another side, another light.
    So their cost is raised (`SAME_CAMERA`); otherwise two people in one camera, as near as one
    person in two, would tie their groups together.

    N may be thousands. So if few pairs have mean embeddings that are at most `limit` apart, only
    these are compared prototype by prototype. The others cost the distance of the means.
    """
    costs = _all_distances(table, rows, limit)
    near = np.empty(costs.shape, np.bool_)
    cameras, known = table.camera[rows], table.trails.known(rows)
    penalty = np.float32(SAME_CAMERA * config.thresholds().revise_threshold)
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        here, rest = slice(start, start + _ROWS_AT_ONCE), slice(start, None)
        part = costs[here, rest]
        possible, near[here, rest] = relate(table, rows[here], rows[rest], times)
        part[~possible] = np.inf
        same_camera = cameras[here, None] == cameras[rest]
        np.add(part, penalty, out=part, where=same_camera)
        if known:
            _weigh_positions(part, table, rows[here], rows[rest], config)
        costs[rest, here] = part.T
        near[rest, here] = near[here, rest].T
    return Pairs(costs, near)


def _all_distances(table: TrackletTable, rows: IntArray, limit: float) -> Float32Array:
    """Return the (N, N) cosine distances of the prototypes of rows; see `compare_all`.

    What sets a camera apart from the others is taken out of its embeddings. That brings tracklets
    of two cameras nearer to each other on average, so the average is restored: thresholds mean the
    same with and without.
    """
    memory, means = table.prototypes, table.prototypes.means(rows)
    used = np.flatnonzero(memory.weights[rows].any(axis=0))
    vectors, weights = memory.vectors[np.ix_(rows, used)], memory.weights[np.ix_(rows, used)]
    cameras = np.unique(table.camera[rows], return_inverse=True)[1]
    plain = _weighted_means(vectors, weights)
    shifts = camera_shifts(plain, cameras)
    if not shifts.any():
        return _set_distances(vectors, weights, means, limit)
    vectors = shifted(vectors, shifts[cameras][:, None])
    before, after = (
        camera_means(each, cameras) for each in (plain, _weighted_means(vectors, weights))
    )
    distances = _set_distances(vectors, weights, shifted(means, shifts[cameras]), limit)
    distances += (after @ after.T - before @ before.T)[np.ix_(cameras, cameras)]
    return distances


def _weighted_means(vectors: Float32Array, weights: Float32Array) -> Float32Array:
    """Return the (N, D) means of (N, K, D) prototypes, which are shorter than 1."""
    total = weights.sum(axis=1, keepdims=True)
    shares = weights / np.where(total > 0, total, 1)
    means: Float32Array = np.matmul(shares[:, None], vectors)[:, 0]
    return means


def _set_distances(
    vectors: Float32Array, weights: Float32Array, means: Float32Array, limit: float
) -> Float32Array:
    """Return the (N, N) distances of (N, K, D) sets with (N, D) means; see `compare_all`."""
    some = means[:: 1 + len(means) // _SAMPLE]
    if vectors.shape[1] > 1 and (some @ means.T >= 1 - limit).mean() > _DENSE:
        return all_prototype_distances(vectors, weights)
    distances = means @ means.T
    np.subtract(1, distances, out=distances)
    if vectors.shape[1] <= 1:
        return distances
    first, second = np.nonzero(np.triu(distances <= limit, 1))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        a, b = first[start : start + _PAIRS_AT_ONCE], second[start : start + _PAIRS_AT_ONCE]
        found = paired_prototype_distance(
            vectors[a], weights[a], vectors[b][:, None], weights[b][:, None]
        )
        distances[a, b] = distances[b, a] = found[:, 0]
    return distances


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
    costs: FloatArray | Float32Array,
    table: TrackletTable,
    rows_a: IntArray,
    rows_b: IntArray,
    config: MatchConfig,
) -> None:
    """Change the (A, B) costs of pairs of rows by what is known of their ground positions.

    If both have positions at the same times, standing together lowers the cost and standing apart
    raises it, by at most `floor_weight`. It becomes +inf for two people more than `floor_gate_m`
    apart, and for pairs that are too fast.
    """
    apart, buckets = table.trails.together(rows_a, rows_b)
    apart /= config.floor_gate_m
    apart[buckets < _MIN_BUCKETS] = 0.5
    costs[apart > 1] = np.inf
    np.minimum(apart, 1, out=apart)
    apart -= 0.5
    apart *= 2 * config.floor_weight
    costs += apart
    _forbid_too_fast(costs, table.trails, rows_a, rows_b, config)


def soft_weights(costs: AnyFloats, softness: float) -> AnyFloats:
    """Return the weight of each pair in the cost of two groups of tracklets; 0 for infinite costs.

    A person seen by several cameras often looks alike in only one view. The plain mean over all
    pairs is too strict then, the minimum too lenient. So each pair weighs exp(-cost / softness):
    a large softness gives the mean, a small one the minimum.
    """
    weights: AnyFloats = np.exp(costs / -softness)
    return weights


def _forbid_too_fast(
    costs: FloatArray | Float32Array,
    trails: GroundTrails,
    rows_a: IntArray,
    rows_b: IntArray,
    config: MatchConfig,
) -> None:
    """Make the (A, B) costs +inf where a person would have to be too fast to get there."""
    first, last = trails.first.astype(np.float32), trails.last.astype(np.float32)
    first_s, last_s = trails.first_s, trails.last_s
    speed, gate_m = np.float32(config.floor_speed_m_s), np.float32(config.floor_gate_m)
    for start, start_s, end, end_s in (
        (last, last_s, first, first_s),
        (first, -first_s, last, -last_s),
    ):
        # Only those who came when somebody else was gone: about half, since rows are in order.
        later = np.flatnonzero(end_s[rows_b] > start_s[rows_a].min(initial=np.inf))
        if not len(later):
            continue
        columns = slice(later[0], later[-1] + 1)
        others = rows_b[columns]
        wait_s = np.empty((len(rows_a), len(others)), np.float32)
        np.subtract(end_s[others], start_s[rows_a, None], out=wait_s, casting="same_kind")
        # The gate is also the uncertainty of a position.
        most_m = speed * wait_s + gate_m
        most_m *= most_m
        square = (end[others, 0] - start[rows_a, 0, None]) ** 2
        square += (end[others, 1] - start[rows_a, 1, None]) ** 2
        # Unknown positions are NaN, never too fast.
        too_fast = square > most_m
        too_fast &= wait_s > 0
        costs[:, columns][too_fast] = np.inf
