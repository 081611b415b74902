"""Agglomerative clustering of tracklets under constraints: who is one person, seen from today."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse.csgraph import connected_components

from reid_tracker.match.decide.linkage import Pairs, soft_weights

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


class Clusters(NamedTuple):
    """Which cluster each tracklet is in.

    Attributes:
        labels: (N,) int64 number of the first tracklet of the same cluster.
        costs: (N,) cost of the dearest join inside the tracklet's cluster; 0 for a single one.
    """

    labels: IntArray
    costs: FloatArray


def cluster(pairs: Pairs, bound: IntArray, threshold: float, softness: float) -> Clusters:
    """Join the two cheapest groups again and again while that costs no more than the threshold.

    Two groups with an impossible pair are never joined, nor two of which no pair is near.

    Args:
        pairs: (N, N) of all tracklets, symmetric.
        bound: (N,) tracklets with the same number above 0 stay together; 0 is free.
        threshold: most that a join may cost.
        softness: how group costs come from pair costs, see `linkage`.
    """
    count = len(pairs.costs)
    labels = np.where(bound > 0, -bound, np.arange(count))
    dearest = np.zeros(count)
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
        dearest[rows] = paid[joined[start]]
        labels[rows] = _by_first(rows, joined[start])
    return Clusters(_by_first(np.arange(count), labels), dearest)


class _Sums(NamedTuple):
    """Sums over the pairs between G groups, (G, G) each; see `linkage`."""

    weighted: FloatArray
    weights: FloatArray
    impossible: FloatArray
    near: FloatArray

    @classmethod
    def of(cls, pairs: Pairs, start: IntArray, groups: int, softness: float) -> _Sums:
        costs, possible, near = pairs
        member = np.zeros((len(start), groups))
        member[np.arange(len(start)), start] = 1
        finite = np.isfinite(costs)
        weights = soft_weights(costs, softness)
        tables = (
            weights * np.where(finite, costs, 0),
            weights,
            (~possible | ~finite).astype(np.float64),
            near.astype(np.float64),
        )
        return cls(*(member.T @ table @ member for table in tables))

    def costs(self) -> FloatArray:
        allowed = (self.impossible == 0) & (self.near > 0) & (self.weights > 0)
        costs = np.where(allowed, self.weighted / np.where(allowed, self.weights, 1), np.inf)
        np.fill_diagonal(costs, np.inf)
        return costs


def _join(sums: _Sums, threshold: float) -> tuple[IntArray, FloatArray]:
    """Return the (G,) final group of each group, and the (G,) dearest join within it."""
    joined = np.arange(len(sums.weights))
    dearest = np.zeros(len(joined))
    costs = sums.costs()
    while True:
        kept, gone = divmod(int(costs.argmin()), len(costs))
        cost = costs[kept, gone]
        if cost > threshold:
            return joined, dearest
        for table in sums:
            table[kept] += table[gone]
            table[:, kept] += table[:, gone]
            table[gone] = table[:, gone] = 0
        joined[joined == gone] = kept
        dearest[kept] = max(dearest[kept], dearest[gone], cost)
        costs = sums.costs()


def _by_first(rows: IntArray, labels: IntArray) -> IntArray:
    """Number labels by the first of `rows` that has each."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    numbers: IntArray = rows[first][inverse]
    return numbers
