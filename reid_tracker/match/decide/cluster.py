"""Agglomerative clustering of tracklets under hard constraints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.decide.evidence import Pairs, soft_weights

_ROWS_AT_ONCE = 128  # these and a few copies of them fit into a processor's cache


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
    groups = _Groups(pairs, softness)
    first: dict[int, int] = {}
    for row in np.flatnonzero(bound > 0).tolist():
        kept = first.setdefault(int(bound[row]), row)
        if kept != row:
            groups.join(kept, row)
    highest = np.zeros(len(bound))
    while True:
        kept, gone, cost = groups.cheapest(threshold)
        if not cost <= threshold:
            break
        groups.join(kept, gone)
        highest[kept] = max(highest[kept], highest[gone], cost)
    _, start, inverse = np.unique(groups.labels, return_index=True, return_inverse=True)
    return Clusters(start[inverse], highest[groups.labels])


class _Groups:
    """Groups of N tracklets, each under the number of one of them, and its cheapest partner.

    The cost of a join is a weighted mean over the pairs, so no join makes the other groups cheaper
    for a third one. Hence a group that lost its cheapest partner looks for another only when its
    old cost comes up, as in the generic algorithm of Müllner, "Modern hierarchical, agglomerative
    clustering algorithms" (2011).

    Attributes:
        labels: (N,) the group of each tracklet.
    """

    def __init__(self, pairs: Pairs, softness: float) -> None:
        """Start with a group for each tracklet."""
        count = len(pairs.costs)
        self.labels = np.arange(count)
        # Sums over the tracklets of a group (row) for each tracklet (column); +inf if impossible.
        self._weights, self._weighted = np.empty((2, *pairs.costs.shape), pairs.costs.dtype)
        self._near = pairs.near.copy()
        self._partner, self._lowest = np.zeros(count, np.int64), np.zeros(count)
        for start in range(0, count, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            costs = np.where(pairs.possible[rows], pairs.costs[rows], np.inf)
            self._weights[rows] = weights = soft_weights(pairs.costs[rows], softness)
            self._weighted[rows] = np.inf
            np.multiply(costs, weights, out=self._weighted[rows], where=costs < np.inf)
            costs[~pairs.near[rows]] = np.inf
            np.fill_diagonal(costs[:, start:], np.inf)
            self._partner[rows], self._lowest[rows] = costs.argmin(axis=1), costs.min(axis=1)
        self._stale = np.zeros(count, np.bool_)

    def cheapest(self, threshold: float) -> tuple[int, int, float]:
        """Return the two groups whose join is the cheapest, and its cost.

        Beyond the threshold, the cost may be lower than it really is.
        """
        while True:
            group = int(self._lowest.argmin())
            if not self._stale[group] or not self._lowest[group] <= threshold:
                break
            costs = self.costs(group)
            self._partner[group] = partner = costs.argmin()
            self._lowest[group] = costs[partner]
            self._stale[group] = False
        kept, gone = sorted((group, int(self._partner[group])))
        return kept, gone, float(self._lowest[group])

    def costs(self, group: int) -> FloatArray:
        """Return the (N,) costs of joining a group with each group; +inf if that is forbidden."""
        count = len(self.labels)
        weights = np.bincount(self.labels, self._weights[group], count)
        weighted = np.bincount(self.labels, self._weighted[group], count)
        allowed = weights > 0
        allowed[group] = False
        if not self._near[group].all():
            allowed &= np.bincount(self.labels, self._near[group], count) > 0
        found = np.full(count, np.inf)
        np.divide(weighted, weights, out=found, where=allowed)
        return found

    def join(self, kept: int, gone: int) -> None:
        """Make the second group a part of the first."""
        self.labels[self.labels == gone] = kept
        self._weights[kept] += self._weights[gone]
        self._weighted[kept] += self._weighted[gone]
        self._near[kept] |= self._near[gone]
        self._stale |= (self._partner == kept) | (self._partner == gone)
        self._lowest[gone] = np.inf
        costs = self.costs(kept)
        self._partner[kept] = partner = costs.argmin()
        self._lowest[kept] = costs[partner]
        self._stale[kept] = False
        # A group that was not near one of the two may be near both together.
        cheaper = costs < self._lowest
        cheaper[kept] = False
        self._partner[cheaper], self._lowest[cheaper] = kept, costs[cheaper]
        self._stale[cheaper] = False
