"""Numbers as text files want them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def rounded(values: npt.NDArray[np.floating], decimals: int) -> list[Any]:
    """Return `values` as nested lists of short floats, without negative zeros.

    Args:
        values: any shape.
        decimals: digits behind the point.
    """
    result: list[Any] = (values.astype(np.float64).round(decimals) + 0.0).tolist()
    return result
