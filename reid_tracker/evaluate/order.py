"""Order within the rows of a distance table, ties broken by column, without sorting all columns.

A float32 distance and its column number are packed into one int64 that sorts like (distance,
column). No two keys of a row are equal, so the fast unstable sorts of numpy give the stable order,
and ranks of single entries come from a binary search instead of an argsort of everything.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.evaluate.labels import FloatArray, IntArray

_COLUMN_BITS = 32


def order_keys(distances: FloatArray) -> IntArray:
    """Return (C, G) int64 keys that sort like (distance, column).

    Args:
        distances: (C, G) float32, any sign.

    Raises:
        InputError: a distance is not a number.
    """
    bits = (_numbers(distances) + np.float32(0)).view(np.int32)  # + 0 makes -0 the same as 0
    # Negative floats grow downwards as integers: turn them round.
    np.bitwise_xor(bits, 0x7FFFFFFF, out=bits, where=bits < 0)
    keys: IntArray = bits.astype(np.int64)
    keys <<= _COLUMN_BITS
    keys |= np.arange(keys.shape[1], dtype=np.int64)
    return keys


def positions(distances: FloatArray, rows: IntArray, columns: IntArray) -> IntArray:
    """Return where single entries stand in their sorted rows.

    Args:
        distances: (C, G) table.
        rows: (P,) row of each entry.
        columns: (P,) column of each entry.

    Returns:
        (P,) positions from 0: how many entries of the row come before this one.

    Raises:
        InputError: a distance is not a number.
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


def nearest(distances: FloatArray, count: int) -> IntArray:
    """Return the columns of the `count` smallest entries of each row, nearest first.

    Args:
        distances: (C, G) table.
        count: at most G.

    Returns:
        (C, count) columns.

    Raises:
        InputError: a distance is not a number.
    """
    distances = _numbers(distances)
    if count == 0:
        return np.empty((len(distances), 0), np.int64)
    # Whatever is not farther than the count-th; more than `count` of a row where distances tie.
    farthest = np.partition(distances, count - 1, axis=1)[:, count - 1]
    rows, columns = np.nonzero(distances <= farthest[:, None])
    order = np.lexsort((columns, distances[rows, columns], rows))
    starts = np.searchsorted(rows, np.arange(len(distances)))
    picked: IntArray = columns[order][starts[:, None] + np.arange(count)]
    return picked


def _numbers(distances: FloatArray) -> FloatArray:
    distances = np.asarray(distances, np.float32)
    if np.isnan(distances).any():
        raise InputError("a distance is not a number (NaN); check the embeddings")
    return distances
