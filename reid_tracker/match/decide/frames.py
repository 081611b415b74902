"""Compares the waiting tracklets of one camera frame with the people already known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.assignment import Candidates
from reid_tracker.match.decide.evidence import Pairs, compare, soft_weights
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable


class GroupCosts(NamedTuple):
    """The cost of joining each of (A,) rows to each of G groups.

    Attributes:
        groups: (G,) int64 labels of the groups, ascending.
        costs: (A, G) costs, +inf if a group is ruled out.
    """

    groups: IntArray
    costs: FloatArray


def frame_candidates(
    table: TrackletTable, times: TravelTimes, waiting: IntArray, config: MatchConfig
) -> Candidates:
    """Return the people that (A,) waiting rows of one camera may show, A >= 1."""
    known = np.flatnonzero(table.alive & (table.identity > 0))
    since_s = table.first_s[waiting].min() - table.last_s[known]
    longest_s = times.max_s[table.camera[waiting[0]], table.camera[known]]
    near = known[since_s <= np.maximum(longest_s, 0)]
    members = known[np.isin(table.identity[known], table.identity[near])]
    # Only the people with the most similar means are compared prototype by prototype.
    similarity = table.prototypes.means(waiting) @ table.prototypes.means(members).T
    members = members[nearest_groups(similarity, table.identity[members], config.shortlist)]
    pairs = compare(table, waiting, members, times, config)
    found = group_costs(pairs, table.identity[members], config.softness)
    row, column = np.nonzero(np.isfinite(found.costs))
    return Candidates(row, found.groups[column], found.costs[row, column])


def nearest_groups(
    similarity: FloatArray | Float32Array, labels: IntArray, count: int
) -> BoolArray:
    """Find the groups that are worth comparing closely, given (A, B) similarities.

    Each row finds `count` groups by their most similar column. Returns (B,) bool: the columns whose
    group, in (B,) `labels`, any row found.
    """
    order = np.argsort(labels, kind="stable")
    groups, starts = np.unique(labels[order], return_index=True)
    if len(groups) <= count:
        return np.ones(len(labels), np.bool_)
    best = np.maximum.reduceat(similarity[:, order], starts, axis=1)
    found = np.argpartition(-best, count - 1, axis=1)[:, :count]
    return np.isin(labels, groups[np.unique(found)])


def group_costs(pairs: Pairs, labels: IntArray, softness: float) -> GroupCosts:
    """Return the cost of joining (A,) rows to each group in (B,) `labels`; see `soft_weights`.

    One impossible pair rules the whole group out; one near pair puts it within reach.
    """
    if not len(labels):
        return GroupCosts(np.empty(0, np.int64), np.empty((len(pairs.costs), 0)))
    order = np.argsort(labels, kind="stable")
    groups, starts = np.unique(labels[order], return_index=True)
    costs, near = pairs.costs[:, order], pairs.near[:, order]
    finite = np.isfinite(costs)
    weights = soft_weights(costs, softness)
    total = np.add.reduceat(weights, starts, axis=1)
    mean = np.add.reduceat(weights * np.where(finite, costs, 0), starts, axis=1)
    mean /= np.where(total > 0, total, 1)
    allowed = np.logical_and.reduceat(finite, starts, axis=1)
    allowed &= np.logical_or.reduceat(near, starts, axis=1)
    return GroupCosts(groups, np.where(allowed & (total > 0), mean, np.inf))
