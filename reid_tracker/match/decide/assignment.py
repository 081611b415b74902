"""Global assignment of tracklets to identities at minimum total cost, with a gate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray


class Candidates(NamedTuple):
    """Pairs of a waiting tracklet and a person that it may show.

    Attributes:
        waiting: (P,) int64 index of the tracklet among those that wait, ascending.
        identities: (P,) int64 number of the person.
        costs: (P,) finite cost of joining them.
    """

    waiting: IntArray
    identities: IntArray
    costs: FloatArray


class Assignment(NamedTuple):
    """The result for each of (W,) waiting tracklets.

    Attributes:
        identities: (W,) int64 number of the person; 0 if nobody is below the gate or free.
        costs: (W,) cost of that person, +inf without one.
        rivals: (W,) lowest cost of any other person, +inf without one.
    """

    identities: IntArray
    costs: FloatArray
    rivals: FloatArray


def assign(candidates: Candidates, waiting: int, gate: float) -> Assignment:
    """Assign waiting tracklets to people, at most one each, at minimum total cost.

    A tracklet that stays alone costs as much as the gate, so that pairs above it are never made;
    they count only as rivals. `waiting` is the number of waiting tracklets.
    """
    identities = np.zeros(waiting, np.int64)
    costs, rivals = np.full((2, waiting), np.inf)
    cheap = candidates.costs <= gate
    if cheap.any():
        pairs = Candidates(
            candidates.waiting[cheap], candidates.identities[cheap], candidates.costs[cheap]
        )
        chosen = _cheapest(pairs, gate)
        rows = pairs.waiting[chosen]
        identities[rows], costs[rows] = pairs.identities[chosen], pairs.costs[chosen]
    other = identities[candidates.waiting] != candidates.identities
    np.minimum.at(rivals, candidates.waiting[other], candidates.costs[other])
    return Assignment(identities, costs, rivals)


def _cheapest(pairs: Candidates, gate: float) -> BoolArray:
    """Return (P,) bool, the pairs to join: at most one per tracklet and per person."""
    # A run of one camera assigns nobody, and starts 0.2 s earlier without these.
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    people, column = np.unique(pairs.identities, return_inverse=True)
    tracklets, row = np.unique(pairs.waiting, return_inverse=True)
    own = np.arange(len(tracklets))
    # An extra column for each row stands for staying alone. Sparse matrices hold no zeros, so all
    # costs are raised by one; since every row takes exactly one column, the optimum stays the same.
    graph = csr_matrix(
        (
            np.concatenate([pairs.costs, np.full(len(own), gate + 1e-6)]) + 1,
            (np.concatenate([row, own]), np.concatenate([column, len(people) + own])),
        ),
        shape=(len(own), len(people) + len(own)),
    )
    taken_row, taken = min_weight_full_bipartite_matching(graph)
    joined = taken < len(people)
    chosen = np.full(len(own), -1)
    chosen[taken_row[joined]] = taken[joined]
    result: BoolArray = chosen[row] == column
    return result
