"""Whole tracklets of many cameras to identities: who was last seen where one may come from.

For each camera only identities last seen in cameras within reach, at times that allow for the way,
are compared with its tracklets: one matrix product a camera, however many people the others see.
Those nearest by their mean looks are compared tracklet by tracklet, and all cameras' tracklets are
assigned at once, over the pairs that are cheap enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from reid_tracker.config import MatchConfig
from reid_tracker.match.identity_index import IdentityIndex, OpenRows
from reid_tracker.match.linkage import soft_weights
from reid_tracker.match.prototypes import paired_prototype_distance
from reid_tracker.match.relations import SLACK_S
from reid_tracker.match.topology import TravelTimes
from reid_tracker.match.tracklets import TrackletTable

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_CHUNK = 1024
"""Pairs compared closely at a time: their looks stay within some megabytes."""


class Offers(NamedTuple):
    """Pairs of a waiting tracklet and an identity that it may be.

    Attributes:
        waiting: (P,) int64 number of the tracklet among the W waiting, rising.
        slots: (P,) int64 slot of the identity, rising for each tracklet.
        costs: (P,) cost of calling them one person.
    """

    waiting: IntArray
    slots: IntArray
    costs: FloatArray


class Picks(NamedTuple):
    """What each of (W,) waiting tracklets gets.

    Attributes:
        slots: (W,) int64 slot of the identity, -1 where none is cheap enough or all are taken.
        costs: (W,) its cost, +inf where there is none.
        rivals: (W,) the least cost of another identity, +inf where there is none.
    """

    slots: IntArray
    costs: FloatArray
    rivals: FloatArray


def offers(
    table: TrackletTable,
    index: IdentityIndex,
    times: TravelTimes,
    waiting: IntArray,
    config: MatchConfig,
) -> Offers:
    """Find whom (W,) waiting rows may be, and at what cost.

    Args:
        table: all tracklets.
        index: their identities.
        times: the topology, by number of the camera.
        waiting: (W,) rows of the table without identity.
        config: shortlist, softness, prototypes and the gate, `loose` or `tight`.

    Returns:
        Pairs that no hard constraint forbids and that cost no more than the gate and the margin
        together: those above the gate cannot be joined, but may be rivals.
    """
    near = _shortlist(table, index, times, waiting, config.shortlist)
    rows, slots = waiting[near.waiting], near.slots
    costs = np.full(len(rows), np.inf)
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        members = index.members[slots[part]]
        costs[part] = _group_costs(table, times, rows[part], members, config.softness)
    kept = costs <= max(config.loose, config.tight) + config.margin
    return Offers(near.waiting[kept], slots[kept], costs[kept])


def _shortlist(
    table: TrackletTable,
    index: IdentityIndex,
    times: TravelTimes,
    waiting: IntArray,
    most: int,
) -> Offers:
    """Find the `most` identities nearest by mean looks among those within reach."""
    cameras = table.camera[waiting]
    longest_s = times.max_s[np.unique(cameras)].max(initial=0)
    opened = index.open_rows(len(times.max_s), table.first_s[waiting].min() - longest_s - SLACK_S)
    found: list[tuple[IntArray, IntArray, FloatArray]] = []
    order = np.argsort(cameras, kind="stable")
    names, starts = np.unique(cameras[order], return_index=True)
    for camera, here in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
        rows, fits = _within_reach(table, times, opened, waiting[here], camera)
        if not len(rows):
            continue
        slots = index.slot[rows]
        similarity = table.looks.means(waiting[here]) @ index.means(slots).T
        similarity[~fits] = -np.inf
        if len(rows) > most:
            columns = np.argpartition(-similarity, most - 1, axis=1)[:, :most]
        else:
            columns = np.broadcast_to(np.arange(len(rows)), similarity.shape)
        cost = 1 - np.take_along_axis(similarity, columns, axis=1)
        row, place = np.nonzero(np.isfinite(cost))
        found.append((here[row], slots[columns[row, place]], cost[row, place].astype(np.float64)))
    if not found:
        return Offers(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    near, slots, costs = (np.concatenate(column) for column in zip(*found, strict=True))
    # An identity that two cameras saw last at once comes twice.
    _, first = np.unique(near * len(index.identity) + slots, return_index=True)
    return Offers(near[first], slots[first], costs[first])


def _within_reach(
    table: TrackletTable, times: TravelTimes, opened: OpenRows, waiting: IntArray, camera: int
) -> tuple[IntArray, BoolArray]:
    """Return (B,) open rows, and (W, B) whether each waiting row of a camera may follow them.

    Rows that none may follow are left out.
    """
    sources = np.flatnonzero(times.max_s[camera] >= 0)
    starts, ends = opened.starts[sources], opened.starts[sources + 1]
    parts = [opened.rows[start:end] for start, end in zip(starts, ends, strict=True)]
    rows = np.concatenate(parts) if parts else np.empty(0, np.int64)
    source = np.repeat(sources, ends - starts)
    first_a, last_a = table.first_s[waiting, None], table.last_s[waiting, None]
    first_b, last_b = table.first_s[rows], table.last_s[rows]
    longest_s = times.max_s[camera, source] + SLACK_S
    recent = last_b >= first_a.min() - longest_s
    rows, source, first_b, last_b, longest_s = (
        column[recent] for column in (rows, source, first_b, last_b, longest_s)
    )
    gap_s = np.maximum(first_b - last_a, first_a - last_b)
    fits = gap_s >= times.min_s[camera, source] - SLACK_S
    fits &= gap_s <= longest_s
    overlap = times.overlap[camera, source]
    fits &= gap_s > 0
    fits |= (gap_s <= 0) & overlap
    used = fits.any(axis=0)
    return rows[used], fits[:, used]


def _group_costs(
    table: TrackletTable,
    times: TravelTimes,
    rows: IntArray,
    members: IntArray,
    softness: float,
) -> FloatArray:
    """Cost of joining (P,) rows to the (P, M) members of their identities, -1 being none.

    One member that a hard constraint forbids rules the identity out.
    """
    members = members[:, (members >= 0).any(axis=0)]
    there = members >= 0
    # A row in one matrix product with the looks of all members of its pair.
    costs = paired_prototype_distance(
        *(table.looks.vectors[rows], table.looks.weights[rows]),
        *(table.looks.vectors[members], table.looks.weights[members]),
    ).astype(np.float64)
    gap_s = np.maximum(
        table.first_s[members] - table.last_s[rows, None],
        table.first_s[rows, None] - table.last_s[members],
    )
    pair = table.camera[rows, None], table.camera[members]
    forbidden = np.where(gap_s <= 0, ~times.overlap[pair], gap_s < times.min_s[pair] - SLACK_S)
    weights = soft_weights(costs, softness) * there
    total = weights.sum(axis=1)
    mean = (weights * costs).sum(axis=1) / np.where(total > 0, total, 1)
    allowed = ~(forbidden & there).any(axis=1) & (total > 0)
    return np.where(allowed, mean, np.inf)


def pick(found: Offers, waiting: int, gate: float) -> Picks:
    """Assign (W,) waiting tracklets to identities at the least total cost; see `assign`.

    Args:
        found: pairs; those above the gate count as rivals only.
        waiting: W.
        gate: what a tracklet pays that stays alone.
    """
    slots = np.full(waiting, -1, np.int64)
    costs, rivals = np.full((2, waiting), np.inf)
    rows, columns, paid = (column[found.costs <= gate] for column in found)
    if len(rows):
        mine = _least_total(rows, columns, paid, gate)
        slots[rows[mine]], costs[rows[mine]] = columns[mine], paid[mine]
    other = slots[found.waiting] != found.slots
    np.minimum.at(rivals, found.waiting[other], found.costs[other])
    return Picks(slots, costs, rivals)


def _least_total(rows: IntArray, columns: IntArray, paid: FloatArray, gate: float) -> BoolArray:
    """Return (P,) which pairs to join: each row and column in one at most, at the least total."""
    names, column = np.unique(columns, return_inverse=True)
    present, row = np.unique(rows, return_inverse=True)
    own = np.arange(len(present))
    # A column of each row's own stands for staying alone. Sparse matrices hold no zeros: all
    # costs are raised by one, which as every row takes one column changes no assignment.
    graph = csr_matrix(
        (
            np.concatenate([paid, np.full(len(own), gate + 1e-6)]) + 1,
            (np.concatenate([row, own]), np.concatenate([column, len(names) + own])),
        ),
        shape=(len(own), len(names) + len(own)),
    )
    taken_row, taken = min_weight_full_bipartite_matching(graph)
    joined = taken < len(names)
    chosen = np.full(len(own), -1)
    chosen[taken_row[joined]] = taken[joined]
    mine: BoolArray = chosen[row] == column
    return mine
