"""Agglomerative clustering of tracklets under hard constraints."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.decide.evidence import Pairs, soft_weights


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

    Two groups are never joined if one of their pairs is impossible or if none of them is near.

    Args:
        pairs: (N, N) of all tracklets, symmetric.
        bound: (N,) tracklets with the same number above 0 stay together; 0 is free.
        threshold: maximum cost of a join.
        softness: how much the cheapest pairs dominate, see `soft_weights`.
    """
    count = len(pairs.costs)
    labels = np.where(bound > 0, -bound, np.arange(count))
    highest = np.zeros(count)
    # A join needs at least one pair below the threshold: groups without one never meet.
    linked = (pairs.costs <= threshold) & pairs.possible
    linked |= (bound[:, None] == bound[None]) & (bound > 0)[None]
    _, part = connected_components(linked, directed=False)
    sizes = np.bincount(part, minlength=1)
    for number in np.flatnonzero(sizes > 1):
        rows = np.flatnonzero(part == number)
        block = np.ix_(rows, rows)
        groups, start = np.unique(labels[rows], return_inverse=True)
        inside = Pairs(pairs.costs[block], pairs.possible[block], pairs.near[block])
        joined, paid = _join(_Sums.of(inside, start, len(groups), softness), threshold)
        highest[rows] = paid[joined[start]]
        labels[rows] = _by_first(rows, joined[start])
    return Clusters(_by_first(np.arange(count), labels), highest)


class _Sums(NamedTuple):
    """Sums over the pairs between G groups, (G, G) each; they add up when groups join."""

    weighted: FloatArray
    weights: FloatArray
    impossible: FloatArray
    near: FloatArray

    @classmethod
    def of(cls, pairs: Pairs, start: IntArray, groups: int, softness: float) -> _Sums:
        member = np.zeros((len(start), groups))
        member[np.arange(len(start)), start] = 1
        finite = np.isfinite(pairs.costs)
        weights = soft_weights(pairs.costs, softness)
        return cls(
            weighted=member.T @ (weights * np.where(finite, pairs.costs, 0)) @ member,
            weights=member.T @ weights @ member,
            impossible=member.T @ (~pairs.possible | ~finite).astype(np.float64) @ member,
            near=member.T @ pairs.near.astype(np.float64) @ member,
        )

    def costs(self) -> FloatArray:
        allowed = (self.impossible == 0) & (self.near > 0) & (self.weights > 0)
        costs = np.where(allowed, self.weighted / np.where(allowed, self.weights, 1), np.inf)
        np.fill_diagonal(costs, np.inf)
        return costs


def _join(sums: _Sums, threshold: float) -> tuple[IntArray, FloatArray]:
    """Return the (G,) final group of each group and the (G,) highest cost of a join in it."""
    joined = np.arange(len(sums.weights))
    highest = np.zeros(len(joined))
    costs = sums.costs()
    while True:
        kept, gone = divmod(int(costs.argmin()), len(costs))
        cost = costs[kept, gone]
        if cost > threshold:
            return joined, highest
        for table in sums:
            table[kept] += table[gone]
            table[:, kept] += table[:, gone]
            table[gone] = table[:, gone] = 0
        joined[joined == gone] = kept
        highest[kept] = max(highest[kept], highest[gone], cost)
        costs = sums.costs()


def _by_first(rows: IntArray, labels: IntArray) -> IntArray:
    """Replace each label by the first of `rows` that has it."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    numbers: IntArray = rows[first][inverse]
    return numbers
