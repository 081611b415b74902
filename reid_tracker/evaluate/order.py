"""Ranks within the rows of a distance table, and pairs of equal labels, without Python loops.

Ties are broken by column. A float32 distance and its column number are packed into one int64 that
sorts like (distance, column). Keys of a row are unique, so the fast unstable sorts of numpy give
the stable order, and a binary search finds the ranks of single entries without a full argsort.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import Float32Array, IntArray
from reid_tracker.errors import InputError
from reid_tracker.evaluate.labels import Indices

_COLUMN_BITS = 32


def order_keys(distances: Float32Array) -> IntArray:
    """Return (C, G) int64 keys of (C, G) float32 distances that sort like (distance, column).

    Raises:
        InputError: a distance is NaN.
    """
    bits = (_numbers(distances) + np.float32(0)).view(np.int32)  # + 0 turns -0 into 0
    # The bits of negative floats sort in reverse order: flip them.
    np.bitwise_xor(bits, 0x7FFFFFFF, out=bits, where=bits < 0)
    keys: IntArray = bits.astype(np.int64)
    keys <<= _COLUMN_BITS
    keys |= np.arange(keys.shape[1], dtype=np.int64)
    return keys


def positions(distances: Float32Array, rows: IntArray, columns: IntArray) -> IntArray:
    """Return the (P,) positions, from 0, of the entries (P rows, P columns) in their sorted rows.

    Raises:
        InputError: a distance is NaN.
    """
    keys = order_keys(distances)
    wanted = keys[rows, columns]
    keys.sort(axis=1)
    low = np.zeros(len(rows), np.int64)
    high = np.full(len(rows), max(keys.shape[1] - 1, 0), np.int64)
    while (low < high).any():
        middle = (low + high) // 2
        before = keys[rows, middle] < wanted
        low = np.where(before, middle + 1, low)
        high = np.where(before, high, middle)
    return low


def nearest(distances: Float32Array, count: int) -> IntArray:
    """Return the (C, count) columns of the smallest entries of each row, nearest first.

    Raises:
        InputError: a distance is NaN.
    """
    distances = _numbers(distances)
    if count == 0:
        return np.empty((len(distances), 0), np.int64)
    # All entries up to the count-th distance; more than `count` per row if distances tie.
    farthest = np.partition(distances, count - 1, axis=1)[:, count - 1]
    rows, columns = np.nonzero(distances <= farthest[:, None])
    order = np.lexsort((columns, distances[rows, columns], rows))
    starts = np.searchsorted(rows, np.arange(len(distances)))
    picked: IntArray = columns[order][starts[:, None] + np.arange(count)]
    return picked


def concatenated_ranges(starts: Indices, lengths: Indices) -> IntArray:
    """Return start, start + 1, ... of all ranges, concatenated."""
    ends = np.cumsum(lengths)
    shift = np.repeat(starts - (ends - lengths), lengths)
    numbers: IntArray = np.arange(len(shift), dtype=np.int64) + shift
    return numbers


class EqualLabels:
    """Finds pairs of equal labels between (G,) fixed labels and others."""

    def __init__(self, labels: IntArray) -> None:
        self._order = np.argsort(labels, kind="stable")
        self._sorted = labels[self._order]

    def pairs(self, labels: IntArray) -> tuple[IntArray, IntArray]:
        """Return the (P,) pairs of equal labels, ordered by row and then by column.

        Rows are indices into the (C,) `labels`, columns into the fixed labels.
        """
        first = np.searchsorted(self._sorted, labels, side="left")
        counts = np.searchsorted(self._sorted, labels, side="right") - first
        rows = np.repeat(np.arange(len(labels), dtype=np.int64), counts)
        return rows, self._order[concatenated_ranges(first, counts)]


def _numbers(distances: Float32Array) -> Float32Array:
    distances = np.asarray(distances, np.float32)
    if np.isnan(distances).any():
        raise InputError("a distance is not a number (NaN); check the embeddings")
    return distances
