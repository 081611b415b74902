"""Order keys, positions and nearest columns against numpy's stable argsort."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reid_tracker.errors import InputError
from reid_tracker.evaluate.order import (
    EqualLabels,
    concatenated_ranges,
    nearest,
    order_keys,
    positions,
)

Table = npt.NDArray[np.float32]
tables = arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(0, 9)),
    elements=st.floats(width=32, allow_nan=False) | st.sampled_from([0.0, -0.0, 1.0]),
)


@given(tables)
def test_keys_sort_like_a_stable_argsort(table: Table) -> None:
    stable = np.argsort(table, axis=1, kind="stable")
    np.testing.assert_array_equal(np.argsort(order_keys(table), axis=1), stable)


@given(tables)
def test_positions(table: Table) -> None:
    stable = np.argsort(table, axis=1, kind="stable")
    rows, standing = map(np.ravel, np.indices(table.shape))
    np.testing.assert_array_equal(positions(table, rows, stable.ravel()), standing)


@given(tables, st.integers(0, 9))
def test_nearest(table: Table, count: int) -> None:
    count = min(count, table.shape[1])
    stable = np.argsort(table, axis=1, kind="stable")
    np.testing.assert_array_equal(nearest(table, count), stable[:, :count])


def test_nan_is_refused() -> None:
    with pytest.raises(InputError, match="NaN"):
        order_keys(np.array([[0, np.nan]], np.float32))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4))))
def test_concatenated_ranges(ranges: list[tuple[int, int]]) -> None:
    starts, lengths = np.array(ranges, np.int64).reshape(-1, 2).T
    expected = [number for start, length in ranges for number in range(start, start + length)]
    assert concatenated_ranges(starts, lengths).tolist() == expected


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_equal_labels(fixed: list[int], asked: list[int]) -> None:
    rows, columns = EqualLabels(np.array(fixed, np.int64)).pairs(np.array(asked, np.int64))
    expected = [(r, c) for r, a in enumerate(asked) for c, b in enumerate(fixed) if a == b]
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == expected
