"""Rows chosen out of many."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.explain.choose import one_per_identity, spread, spread_by


@pytest.mark.parametrize(
    ("total", "count", "expected"),
    [(5, 5, [0, 1, 2, 3, 4]), (5, 9, [0, 1, 2, 3, 4]), (9, 3, [0, 4, 8]), (9, 1, [4]), (0, 3, [])],
)
def test_spread(total: int, count: int, expected: list[int]) -> None:
    assert spread(total, count).tolist() == expected


def test_spread_never_repeats_a_row() -> None:
    for total in range(30):
        for count in range(1, 35):
            rows = spread(total, count)
            assert len(set(rows.tolist())) == len(rows) == min(total, count)


def test_spread_by() -> None:
    values = np.array([0.5, np.nan, 0.1, 0.9, 0.5, np.nan])
    assert spread_by(values, 9).tolist() == [2, 0, 4, 3]
    assert spread_by(values, 2).tolist() == [2, 3]


def test_one_per_identity() -> None:
    identities = np.array([7, 7, 3, 5, 3, 9])
    assert one_per_identity(identities, 9).tolist() == [2, 3, 0, 5]
    assert one_per_identity(identities, 2).tolist() == [2, 5]
