"""The array aliases name the element types that they say."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from reid_tracker import arrays


@pytest.mark.parametrize(
    ("alias", "element"),
    [
        (arrays.BoolArray, np.bool_),
        (arrays.IntArray, np.int64),
        (arrays.FloatArray, np.float64),
        (arrays.Float32Array, np.float32),
    ],
)
def test_alias_names_its_element_type(alias: object, element: type[np.generic]) -> None:
    _shape, dtype = get_args(alias)
    assert get_args(dtype) == (element,)
