"""Compares whole tracklets of many cameras with the people that each camera may see next.

For each camera, only people last seen by a camera within reach, at a time that allows for the way,
are compared with its tracklets: one matrix product per camera, no matter how many people the other
cameras see. The people with the most similar means are then compared tracklet by tracklet.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.assignment import Candidates
from reid_tracker.match.decide.evidence import soft_weights
from reid_tracker.match.decide.identity_index import IdentityIndex, LastSeen
from reid_tracker.match.decide.relations import SLACK_S
from reid_tracker.match.places.topology import Reach, TravelTimes
from reid_tracker.match.tracklets.prototypes import paired_prototype_distance
from reid_tracker.match.tracklets.table import TrackletTable

_MIN_GAP_S = float(np.nextafter(0, 1))  # a gap of 0 is a common moment

_PAIRS_AT_ONCE = 256
"""Pairs compared closely at a time: few enough for their prototypes to stay in the cache."""


def batch_candidates(
    table: TrackletTable,
    index: IdentityIndex,
    times: TravelTimes,
    waiting: IntArray,
    config: MatchConfig,
) -> Candidates:
    """Return the people that (W,) waiting rows may show.

    Pairs forbidden by a hard constraint are left out, and so are those that cost more than the gate
    and the margin together. Those between gate and margin cannot be joined, but may be rivals.
    """
    row, slots = _shortlist(table, index, times, waiting, config.shortlist)
    costs = np.full(len(row), np.inf)
    for start in range(0, len(row), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        members = index.members[slots[part]]
        costs[part] = _group_costs(table, times, waiting[row[part]], members, config.softness)
    limits = config.thresholds()
    kept = costs <= max(limits.loose, limits.tight) + limits.margin
    return Candidates(row[kept], index.identity[slots[kept]], costs[kept])


def _shortlist(
    table: TrackletTable, index: IdentityIndex, times: TravelTimes, waiting: IntArray, count: int
) -> tuple[IntArray, IntArray]:
    """Find the `count` people with the most similar means among those within reach.

    Returns (P,) pairs: index among the waiting rows, ascending, and slot of the person.
    """
    cameras = table.camera[waiting]
    longest_s = times.max_s[np.unique(cameras)].max(initial=0)
    since_s = table.first_s[waiting].min() - longest_s - SLACK_S
    last_seen = index.last_seen(len(times.max_s), since_s)
    first_s, last_s = table.first_s[waiting], table.last_s[waiting]
    pairs = [np.empty(0, np.int64)]
    order = np.argsort(cameras, kind="stable")
    numbers, starts = np.unique(cameras[order], return_index=True)
    for camera, here in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        slots, fits = _within_reach(last_seen, times.reach(camera), first_s[here], last_s[here])
        if not len(slots):
            continue
        similarity = table.prototypes.means(waiting[here]) @ index.means(slots).T
        np.copyto(similarity, -np.inf, where=~fits)
        if len(slots) > count:
            columns = np.argpartition(similarity, len(slots) - count, axis=1)[:, -count:]
        else:
            columns = np.broadcast_to(np.arange(len(slots)), similarity.shape)
        row, place = np.nonzero(np.take_along_axis(similarity, columns, axis=1) > -np.inf)
        pairs.append(here[row] * len(index.identity) + slots[columns[row, place]])
    # A person last seen by two cameras at once is found twice.
    unique = np.unique(np.concatenate(pairs))
    return unique // max(len(index.identity), 1), unique % max(len(index.identity), 1)


def _within_reach(
    last_seen: LastSeen, reach: Reach, first_s: FloatArray, last_s: FloatArray
) -> tuple[IntArray, BoolArray]:
    """Find the people whom (W,) waiting tracklets of one camera may show, given their time spans.

    Returns (B,) slots of people that at least one of them may show, and (W, B) bool, which.
    """
    starts, ends = last_seen.starts[reach.sources], last_seen.starts[reach.sources + 1]
    spans = [slice(start, end) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    if not spans:
        return np.empty(0, np.int64), np.zeros((len(first_s), 0), np.bool_)
    seen_s = np.concatenate([last_seen.last_s[span] for span in spans])
    source = np.repeat(np.arange(len(spans)), ends - starts)
    recent = np.flatnonzero(seen_s >= (first_s.min() - reach.max_s - SLACK_S)[source])
    seen_s, source = seen_s[recent], source[recent]
    slots = np.concatenate([last_seen.slots[span] for span in spans])[recent]
    since_s = np.concatenate([last_seen.first_s[span] for span in spans])[recent]
    gap_s = np.maximum(since_s - last_s[:, None], first_s[:, None] - seen_s)
    # Cameras whose views overlap may see a person at once; their minimum time is 0.
    shortest_s = np.where(reach.overlap, -np.inf, np.maximum(reach.min_s - SLACK_S, _MIN_GAP_S))
    fits = gap_s >= shortest_s[source]
    fits &= gap_s <= (reach.max_s + SLACK_S)[source]
    used = np.flatnonzero(fits.any(axis=0))
    return slots[used], fits[:, used]


def _group_costs(
    table: TrackletTable, times: TravelTimes, rows: IntArray, members: IntArray, softness: float
) -> FloatArray:
    """Return the (P,) costs of joining (P,) rows to the (P, M) tracklets of a person each.

    A member of -1 stands for none. One member that a hard constraint forbids rules the person out.
    """
    members = members[:, (members >= 0).any(axis=0)]
    there = members >= 0
    memory = table.prototypes
    # One matrix product compares a row with all members of its pair.
    costs = paired_prototype_distance(
        memory.vectors[rows], memory.weights[rows], memory.vectors[members], memory.weights[members]
    ).astype(np.float64)
    gap_s = np.maximum(
        table.first_s[members] - table.last_s[rows, None],
        table.first_s[rows, None] - table.last_s[members],
    )
    cameras = table.camera[rows, None], table.camera[members]
    forbidden = np.where(
        gap_s <= 0, ~times.overlap[cameras], gap_s < times.min_s[cameras] - SLACK_S
    )
    weights = soft_weights(costs, softness) * there
    total = weights.sum(axis=1)
    mean = (weights * costs).sum(axis=1) / np.where(total > 0, total, 1)
    allowed = ~(forbidden & there).any(axis=1) & (total > 0)
    return np.where(allowed, mean, np.inf)
