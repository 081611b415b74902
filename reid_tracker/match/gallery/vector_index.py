"""An index of the vectors in memory, so that a search of a large gallery need not compare all.

faiss puts vectors into lists by their nearest centroid, and makes each a code of one bit a number
(RaBitQ: Gao and Long, SIGMOD 2024). A search looks into the nearest lists and returns candidates,
which the caller compares exactly.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from reid_tracker.arrays import Float32Array, IntArray

TRAINING_ROWS_A_LIST = 50
_MIN_LISTS, _MAX_LISTS = 16, 1024
_PROBED = 4
"""So many times the root of the number of lists are looked into: 90 of 512."""

_ROUNDS = 8
"""Of k-means: more do not find better lists."""


def is_available() -> bool:
    """Tell whether faiss is installed."""
    return find_spec("faiss") is not None


def lists_for(rows: int) -> int:
    """Return the number of lists for a number of vectors: a power of two near half its root."""
    power = round(np.log2(max(rows, 1)) / 2) - 1
    return int(np.clip(2**power, _MIN_LISTS, _MAX_LISTS))


class VectorIndex:
    """Lists of codes of vectors; it is empty after its construction.

    Args:
        sample: (N, D) float32 unit rows from which the lists are learnt, as many as
            `TRAINING_ROWS_A_LIST` for each list that `lists_for` the later number of rows says.
        rows: the number of vectors that it is made for.

    Attributes:
        rows: the same.
        size: numbers in a vector, D.
        covered: all sightings up to this number have been added.
    """

    def __init__(self, sample: Float32Array, rows: int) -> None:
        import faiss

        # A thread of its own builds the index: it must not take the cores of the tracking.
        faiss.omp_set_num_threads(1)
        self.rows = rows
        self.covered = 0
        self._lists = lists_for(rows)
        self.size = sample.shape[1]
        self._index: Any = faiss.index_factory(self.size, f"RR,IVF{self._lists},RaBitQfs")
        self._inverted: Any = faiss.extract_index_ivf(self._index)
        self._inverted.cp.niter = _ROUNDS
        self._inverted.cp.min_points_per_centroid = 1  # no warning about few; see `sample`
        self._inverted.cp.max_points_per_centroid = TRAINING_ROWS_A_LIST
        self._index.train(sample)

    def add(self, numbers: IntArray, vectors: Float32Array, covered: int) -> None:
        """Add (N, D) unit rows of the sightings with these (N,) numbers; sets `covered`."""
        if len(numbers):
            self._index.add_with_ids(vectors, numbers)
        self.covered = covered

    def remove(self, numbers: IntArray) -> None:
        """Remove the codes of sightings; of those that it does not have, nothing."""
        old = numbers[numbers <= self.covered]
        if len(old):
            self._index.remove_ids(old)

    def numbers(self) -> IntArray:
        """Return the sorted numbers of the sightings in the index."""
        import faiss

        lists = self._inverted.invlists
        parts = []
        for one in range(self._lists):
            size = lists.list_size(one)
            ids = lists.get_ids(one)
            parts.append(faiss.rev_swig_ptr(ids, size).copy())
            lists.release_ids(one, ids)
        return np.unique(np.concatenate(parts))

    def candidates(self, query: Float32Array, count: int, effort: int = 1) -> IntArray:
        """Return the sorted numbers of sightings with the codes nearest to a (D,) query.

        Args:
            query: a unit row.
            count: maximum number of vectors; several may belong to one sighting.
            effort: factor on the number of lists that are looked into.
        """
        self._inverted.nprobe = min(int(_PROBED * effort * self._lists**0.5), self._lists)
        _, found = self._index.search(query[None], count)
        return np.unique(found[found >= 0])
