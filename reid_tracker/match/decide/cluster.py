"""Agglomerative clustering of tracklets under hard constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.match.decide.evidence import Pairs, soft_weights

_ROWS_AT_ONCE = 256


class Clusters(NamedTuple):
    """The cluster of each tracklet.

    Attributes:
        labels: (N,) int64 index of the first tracklet of the same cluster.
        costs: (N,) highest cost of a join inside the cluster; 0 for a single tracklet.
    """

    labels: IntArray
    costs: FloatArray


def cluster(pairs: Pairs, bound: IntArray, threshold: float, softness: float) -> Clusters:
    """Join the two cheapest groups again and again, as long as that costs at most the threshold.

    Two groups are never joined if one of their (N, N) symmetric pairs is impossible, or if none is
    near. Tracklets with the same number above 0 in (N,) `bound` stay together. For the softness see
    `soft_weights`. Time and memory grow with the square of N.
    """
    count = len(pairs.costs)
    labels = np.where(bound > 0, -bound, np.arange(count))
    highest = np.zeros(count)
    for rows in _linked(pairs, bound, threshold):
        _, start = np.unique(labels[rows], return_inverse=True)
        joined, paid = _Groups(pairs, rows, start, softness).join(threshold)
        highest[rows] = paid[joined[start]]
        labels[rows] = _by_first(rows, joined[start])
    return Clusters(_by_first(np.arange(count), labels), highest)


def _linked(pairs: Pairs, bound: IntArray, threshold: float) -> Iterator[IntArray]:
    """Yield sets of at least two rows that joins can reach from each other.

    A join needs at least one pair below the threshold: groups without one never meet.
    """
    free = np.ones(len(bound), np.bool_)
    for first in range(len(bound)):
        found = free & (np.arange(len(bound)) == first)
        edge = np.flatnonzero(found)
        while len(edge):
            free[edge] = False
            near = np.isin(bound, bound[edge]) & (bound > 0)
            for start in range(0, len(edge), _ROWS_AT_ONCE):
                part = edge[start : start + _ROWS_AT_ONCE]
                near |= ((pairs.costs[part] <= threshold) & pairs.possible[part]).any(axis=0)
            edge = np.flatnonzero(near & free)
            found[edge] = True
        if found.sum() > 1:
            yield np.flatnonzero(found)


class _Groups:
    """Sums over the pairs between G groups, (G, G) each; they add up when groups join."""

    def __init__(self, pairs: Pairs, rows: IntArray, start: IntArray, softness: float) -> None:
        """Start with the groups that `start` numbers, one number for each of the rows."""
        order = np.argsort(start, kind="stable")
        first = np.flatnonzero(np.diff(start[order], prepend=-1))
        rows = rows[order]
        block = np.ix_(rows, rows)
        costs = pairs.costs[block]
        weights = soft_weights(costs, softness)
        blocked = ~pairs.possible[block] | ~np.isfinite(costs)
        costs[~np.isfinite(costs)] = 0
        costs *= weights
        near = pairs.near[block]
        if len(first) < len(rows):
            costs, weights = (
                np.add.reduceat(np.add.reduceat(part, first, axis=0), first, axis=1)
                for part in (costs, weights)
            )
            blocked, near = (
                np.logical_or.reduceat(np.logical_or.reduceat(part, first, axis=0), first, axis=1)
                for part in (blocked, near)
            )
        np.fill_diagonal(blocked, True)
        self._weighted, self._weights = costs, weights
        self._blocked, self._near = blocked, near

    def costs(self, rows: IntArray) -> FloatArray | Float32Array:
        """Return the (R, G) costs of joining groups with all groups; +inf if that is forbidden."""
        weights = self._weights[rows]
        allowed = self._near[rows] & ~self._blocked[rows] & (weights > 0)
        found = np.full(weights.shape, np.inf, weights.dtype)
        np.divide(self._weighted[rows], weights, out=found, where=allowed)
        return found

    def join(self, threshold: float) -> tuple[IntArray, FloatArray]:
        """Return the (G,) final group of each group and the (G,) highest cost of a join in it.

        The cheapest partner of every group is remembered, so that a join compares the new group
        with all others, and besides only those groups anew that lost their cheapest partner.
        """
        count = len(self._weights)
        joined, highest = np.arange(count), np.zeros(count)
        partner, lowest = np.zeros(count, np.int64), np.full(count, np.inf)
        stale = np.arange(count)
        while True:
            for start in range(0, len(stale), _ROWS_AT_ONCE):
                part = stale[start : start + _ROWS_AT_ONCE]
                costs = self.costs(part)
                partner[part] = costs.argmin(axis=1)
                lowest[part] = costs.min(axis=1)
            kept = int(lowest.argmin())
            cost, gone = float(lowest[kept]), int(partner[kept])
            if not cost <= threshold:
                return joined, highest
            self._merge(kept, gone)
            joined[joined == gone] = kept
            highest[kept] = max(highest[kept], highest[gone], cost)
            lowest[gone] = np.inf
            lost = (partner == kept) | (partner == gone)
            lost[kept] = True
            stale = np.flatnonzero(lost & (lowest < np.inf))
            # The others keep their partner, unless the new group is cheaper.
            to_kept = self.costs(np.array([kept]))[0]
            cheaper = ~lost & ((to_kept < lowest) | ((to_kept == lowest) & (kept < partner)))
            cheaper &= to_kept < np.inf
            partner[cheaper], lowest[cheaper] = kept, to_kept[cheaper]

    def _merge(self, kept: int, gone: int) -> None:
        for sums in (self._weighted, self._weights):
            sums[kept] += sums[gone]
            sums[:, kept] = sums[kept]
        for flags in (self._blocked, self._near):
            flags[kept] |= flags[gone]
            flags[:, kept] = flags[kept]
        self._blocked[gone] = self._blocked[:, gone] = True


def _by_first(rows: IntArray, labels: IntArray) -> IntArray:
    """Replace each label by the first of `rows` that has it."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    numbers: IntArray = rows[first][inverse]
    return numbers
