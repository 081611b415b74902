"""Global assignment of tracklets to identities at the least total cost, with a gate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def assign(costs: FloatArray, gate: float) -> tuple[IntArray, IntArray]:
    """Assign rows to columns so that as little as possible is paid above what the gate allows.

    A row may stay alone, for which it pays the gate: among assignments with the same pairs the
    cheapest wins, and a pair above the gate is never made.

    Args:
        costs: (R, C) costs, +inf where not allowed.
        gate: most that a pair may cost.

    Returns:
        (K,) rows in rising order and the (K,) columns assigned to them.
    """
    allowed = costs <= gate
    paid = np.where(allowed, costs, gate + 1e-6)
    rows, columns = linear_sum_assignment(paid)
    kept = allowed[rows, columns]
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)
