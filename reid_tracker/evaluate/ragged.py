"""Lists of different lengths without loops: ranges laid end to end, and pairs with equal labels."""

from __future__ import annotations

import numpy as np

from reid_tracker.evaluate.labels import Indices, IntArray


def concatenated_ranges(starts: Indices, lengths: Indices) -> IntArray:
    """Return start, start + 1, ... of every range, one range after the other."""
    ends = np.cumsum(lengths)
    shift = np.repeat(starts - (ends - lengths), lengths)
    numbers: IntArray = np.arange(len(shift), dtype=np.int64) + shift
    return numbers


class EqualLabels:
    """Finds the pairs of equal labels between a fixed list and others.

    Args:
        labels: (G,) the fixed list.
    """

    def __init__(self, labels: IntArray) -> None:
        self._order = np.argsort(labels, kind="stable")
        self._sorted = labels[self._order]

    def pairs(self, labels: IntArray) -> tuple[IntArray, IntArray]:
        """Return the pairs of equal labels, ordered by row and then by column.

        Args:
            labels: (C,) labels.

        Returns:
            (P,) rows into `labels` and (P,) columns into the fixed list.
        """
        first = np.searchsorted(self._sorted, labels, side="left")
        counts = np.searchsorted(self._sorted, labels, side="right") - first
        rows = np.repeat(np.arange(len(labels), dtype=np.int64), counts)
        return rows, self._order[concatenated_ranges(first, counts)]
