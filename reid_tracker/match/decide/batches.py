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
from reid_tracker.match.decide.identity_index import IdentityIndex, OpenRows
from reid_tracker.match.decide.linkage import soft_weights
from reid_tracker.match.decide.relations import SLACK_S
from reid_tracker.match.places.topology import Reach, TravelTimes
from reid_tracker.match.tracklets.prototypes import paired_prototype_distance
from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_LEAST_GAP_S = float(np.nextafter(0, 1))  # a gap of 0 is a common moment

_CHUNK = 256
"""Pairs compared closely at a time: few enough that their looks stay in the cache."""


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
    limits = config.thresholds()
    kept = costs <= max(limits.loose, limits.tight) + limits.margin
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
    first_s, last_s = table.first_s[waiting], table.last_s[waiting]
    found: list[tuple[IntArray, IntArray, FloatArray]] = []
    order = np.argsort(cameras, kind="stable")
    names, starts = np.unique(cameras[order], return_index=True)
    for camera, here in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
        slots, fits = _within_reach(opened, times.reach(camera), first_s[here], last_s[here])
        if not len(slots):
            continue
        similarity = table.looks.means(waiting[here]) @ index.means(slots).T
        np.copyto(similarity, -np.inf, where=~fits)
        line = np.arange(len(here))[:, None]
        if len(slots) > most:
            columns = np.argpartition(similarity, len(slots) - most, axis=1)[:, -most:]
        else:
            columns = np.broadcast_to(np.arange(len(slots)), similarity.shape)
        cost = 1 - similarity[line, columns]
        row, place = np.nonzero(cost < np.inf)
        found.append((here[row], slots[columns[row, place]], cost[row, place].astype(np.float64)))
    if not found:
        return Offers(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    near, slots, costs = (np.concatenate(column) for column in zip(*found, strict=True))
    # An identity that two cameras saw last at once comes twice.
    _, first = np.unique(near * len(index.identity) + slots, return_index=True)
    return Offers(near[first], slots[first], costs[first])


def _within_reach(
    opened: OpenRows, reach: Reach, first_s: FloatArray, last_s: FloatArray
) -> tuple[IntArray, BoolArray]:
    """Find who may be seen next by one camera.

    Args:
        opened: who may be seen next, of all cameras.
        reach: from where people come to this camera.
        first_s: (W,) when each of its waiting tracklets was first seen.
        last_s: (W,) when it was last seen.

    Returns:
        (B,) slots of identities that one of them may be, and (W, B) bool, which.
    """
    starts, ends = opened.starts[reach.sources], opened.starts[reach.sources + 1]
    spans = [slice(*span) for span in zip(starts.tolist(), ends.tolist(), strict=True)]
    if not spans:
        return np.empty(0, np.int64), np.zeros((len(first_s), 0), np.bool_)
    seen_s = np.concatenate([opened.last_s[span] for span in spans])
    source = np.repeat(np.arange(len(spans)), ends - starts)
    recent = np.flatnonzero(seen_s >= (first_s.min() - reach.max_s - SLACK_S)[source])
    seen_s, source = seen_s[recent], source[recent]
    slots = np.concatenate([opened.slots[span] for span in spans])[recent]
    since_s = np.concatenate([opened.first_s[span] for span in spans])[recent]
    gap_s = np.maximum(since_s - last_s[:, None], first_s[:, None] - seen_s)
    # Where cameras overlap people may be seen by both at once, and the least time is 0.
    least_s = np.where(reach.overlap, -np.inf, np.maximum(reach.min_s - SLACK_S, _LEAST_GAP_S))
    fits = gap_s >= least_s[source]
    fits &= gap_s <= (reach.max_s + SLACK_S)[source]
    used = np.flatnonzero(fits.any(axis=0))
    return slots[used], fits[:, used]


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
    cheap = found.costs <= gate
    rows, columns, paid = found.waiting[cheap], found.slots[cheap], found.costs[cheap]
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
