"""Agglomerative clustering of tracklets under hard constraints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.decide.evidence import Pairs, soft_weights

_ROWS_AT_ONCE = 128  # these and a few copies of them fit into a processor's cache
_MIN_WEIGHT = np.finfo(np.float32).tiny  # weights are divisors


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

    Two groups are never joined if one of their (N, N) symmetric pairs costs +inf, or if none is
    near. Tracklets with the same number above 0 in (N,) `bound` stay together. For the softness see
    `soft_weights`. Time and memory grow with the square of N.
    """
    groups = _Groups(pairs, threshold, softness)
    first: dict[int, int] = {}
    for row in np.flatnonzero(bound > 0).tolist():
        kept = first.setdefault(int(bound[row]), row)
        if kept != row:
            groups.join(kept, row)
    highest = np.zeros(len(bound))
    while True:
        kept, gone, cost = groups.cheapest()
        if not cost <= threshold:
            break
        groups.join(kept, gone)
        highest[kept] = max(highest[kept], highest[gone], cost)
    _, start, inverse = np.unique(groups.labels, return_index=True, return_inverse=True)
    return Clusters(start[inverse], highest[groups.labels])


class _Groups:
    """Groups of N tracklets, each under the number of one of them, and its cheapest partner.

    The cost of a join is a weighted mean over the pairs. So two groups can only be joined if one of
    their pairs costs at most the threshold, and no join makes the other groups cheaper for a third
    one. Hence a group that lost its cheapest partner looks for another only when its old cost comes
    up, as in the generic algorithm of Müllner, "Modern hierarchical, agglomerative clustering
    algorithms" (2011).

    Attributes:
        labels: (N,) the group of each tracklet.
    """

    def __init__(self, pairs: Pairs, threshold: float, softness: float) -> None:
        """Start with a group for each tracklet."""
        count = len(pairs.costs)
        self.labels = np.arange(count)
        # Sums over the tracklets of a group (row) for each tracklet (column).
        self._weights, self._weighted = np.empty((2, count, count), np.float32)
        self._close = np.empty((count, count), np.bool_)
        self._near = None if pairs.near.all() else pairs.near.copy()
        self._partner, self._lowest = np.zeros(count, np.int64), np.zeros(count)
        for start in range(0, count, _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            costs = pairs.costs[rows].astype(np.float32)
            self._weights[rows] = np.maximum(soft_weights(costs, softness), _MIN_WEIGHT)
            np.multiply(costs, self._weights[rows], out=self._weighted[rows])
            np.fill_diagonal(costs[:, start:], np.inf)
            self._close[rows] = costs <= threshold
            if self._near is not None:
                costs[~self._near[rows]] = np.inf
            self._partner[rows], self._lowest[rows] = costs.argmin(axis=1), costs.min(axis=1)
        self._stale = np.zeros(count, np.bool_)

    def cheapest(self) -> tuple[int, int, float]:
        """Return the two groups whose join is the cheapest, and its cost.

        Beyond the threshold, the cost may be lower than it really is.
        """
        group = int(self._lowest.argmin())
        while self._stale[group] and self._lowest[group] < np.inf:
            self._choose(group, *self.costs(group))
            group = int(self._lowest.argmin())
        kept, gone = sorted((group, int(self._partner[group])))
        return kept, gone, float(self._lowest[group])

    def costs(self, group: int) -> tuple[IntArray, FloatArray]:
        """Return the (K,) groups that a group may be joined to, and the (K,) costs of that.

        Groups of which no pair costs at most the threshold are left out. A cost of +inf means that
        the join is forbidden.
        """
        candidates = np.zeros(len(self.labels), np.bool_)
        candidates[self.labels[self._close[group]]] = True
        if self._near is not None:
            near = np.zeros_like(candidates)
            near[self.labels[self._near[group]]] = True
            candidates &= near
        candidates[group] = False
        (others,) = candidates.nonzero()
        (members,) = candidates[self.labels].nonzero()
        labels = self.labels[members]
        weights = np.bincount(labels, self._weights[group, members])
        weighted = np.bincount(labels, self._weighted[group, members])
        return others, weighted[others] / weights[others]

    def join(self, kept: int, gone: int) -> None:
        """Make the second group a part of the first."""
        self.labels[self.labels == gone] = kept
        self._weights[kept] += self._weights[gone]
        self._weighted[kept] += self._weighted[gone]
        self._close[kept] |= self._close[gone]
        if self._near is not None:
            self._near[kept] |= self._near[gone]
        self._stale |= (self._partner == kept) | (self._partner == gone)
        self._lowest[gone] = np.inf
        others, costs = self.costs(kept)
        self._choose(kept, others, costs)
        # A group that was not near one of the two may be near both together.
        cheaper = costs < self._lowest[others]
        others = others[cheaper]
        self._partner[others], self._lowest[others] = kept, costs[cheaper]
        self._stale[others] = False

    def _choose(self, group: int, others: IntArray, costs: FloatArray) -> None:
        """Make the cheapest of (K,) groups the partner of a group."""
        self._stale[group] = False
        self._lowest[group] = np.inf
        if len(others):
            best = costs.argmin()
            self._partner[group], self._lowest[group] = others[best], costs[best]
