"""Minimum-cost assignment with a gate, by the Jonker-Volgenant solver of `lap`."""

from __future__ import annotations

import lap
import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import IntArray

# Infeasible pairs cost this much more than the gate, so that a pair at the gate beats them.
_INFEASIBLE_MARGIN = 1e-5


def assign(cost: npt.NDArray[np.floating], max_cost: float) -> tuple[IntArray, IntArray]:
    """Assign rows to columns at the minimum total cost.

    As in the DeepSORT matching cascade (arXiv 1703.07402, listing 1), all pairs above `max_cost`
    cost the same and are never returned.

    Args:
        cost: (R, C) costs, finite or +inf.
        max_cost: the gate.

    Returns:
        (K,) rows in rising order and the (K,) columns assigned to them.
    """
    feasible = cost <= max_cost
    row_degree, column_degree = feasible.sum(axis=1), feasible.sum(axis=0)
    # A pair without competitors is part of every optimum. Only the other rows, usually a few, need
    # the cubic solver.
    lone = feasible & (row_degree == 1)[:, None] & (column_degree == 1)
    rows, columns = np.nonzero(lone)
    contested_rows = np.flatnonzero((row_degree > 0) & ~lone.any(axis=1))
    if len(contested_rows):
        contested_columns = np.flatnonzero((column_degree > 0) & ~lone.any(axis=0))
        block = np.ix_(contested_rows, contested_columns)
        clipped = np.where(feasible[block], cost[block], max_cost + _INFEASIBLE_MARGIN)
        _, column_of_row, _ = lap.lapjv(clipped.astype(np.float64), extend_cost=True)
        picked = np.flatnonzero(column_of_row >= 0)
        picked = picked[feasible[block][picked, column_of_row[picked]]]
        rows = np.concatenate([rows, contested_rows[picked]])
        columns = np.concatenate([columns, contested_columns[column_of_row[picked]]])
        order = np.argsort(rows)
        rows, columns = rows[order], columns[order]
    return rows.astype(np.int64), columns.astype(np.int64)
