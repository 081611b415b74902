"""Chooses a few rows of many, the same in every run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import IntArray


def spread(total: int, count: int) -> IntArray:
    """Return at most `count` row numbers below `total`, evenly spread from first to last.

    Args:
        total: number of rows.
        count: number of chosen rows, at least 1.

    Returns:
        (min(count, total),) int64, ascending; a single row is the middle one.
    """
    count = min(count, total)
    if count == 1:
        return np.array([(total - 1) // 2], np.int64)
    return np.rint(np.linspace(0, total - 1, count)).astype(np.int64)


def spread_by(values: npt.NDArray[np.floating[Any]], count: int) -> IntArray:
    """Return at most `count` rows, from the smallest to the largest value, evenly spread by rank.

    Args:
        values: (N,) numbers; NaN rows are ignored.
        count: number of chosen rows, at least 1.

    Returns:
        Row numbers, sorted by value; ties keep the row order.
    """
    order = np.argsort(values, kind="stable")
    order = order[: int(np.count_nonzero(~np.isnan(values)))]  # NaN sorts to the end
    chosen: IntArray = order[spread(len(order), count)].astype(np.int64)
    return chosen


def one_per_identity(identities: IntArray, count: int) -> IntArray:
    """Return at most `count` rows of different identities, evenly spread over the identities.

    Args:
        identities: (N,) int64.
        count: number of chosen rows, at least 1.

    Returns:
        The first row of each chosen identity, sorted by identity.
    """
    _, first = np.unique(identities, return_index=True)
    chosen: IntArray = first[spread(len(first), count)].astype(np.int64)
    return chosen
