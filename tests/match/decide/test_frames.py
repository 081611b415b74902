"""Costs of groups and shortlists against the plain oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match.decide.evidence import Pairs
from reid_tracker.match.decide.frames import group_costs, nearest_groups
from tests.match.worlds import random_pairs, seeds, some
from tests.oracles.match_plain import (
    soft_mean,
)


@some
@given(seeds, st.integers(1, 8))
def test_costs_of_groups_agree_with_the_oracle(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = random_pairs(rng, count)
    labels = rng.integers(1, 4, count)
    found = group_costs(pairs, labels, 0.1)
    for row, (column, label) in itertools.product(range(count), enumerate(found.groups)):
        members = np.flatnonzero(labels == label)
        costs = pairs.costs[row, members]
        if np.isfinite(costs).all() and pairs.near[row, members].any():
            assert found.costs[row, column] == pytest.approx(soft_mean(costs.tolist(), 0.1))
        else:
            assert found.costs[row, column] == np.inf


@some
@given(seeds, st.integers(1, 12), st.integers(1, 4))
def test_a_shortlist_holds_the_most_similar_groups(seed: int, count: int, wanted: int) -> None:
    rng = np.random.default_rng(seed)
    similarity, labels = rng.random((2, count)), rng.integers(1, 6, count)
    kept = nearest_groups(similarity, labels, wanted)
    expected: set[int] = set()
    for row in similarity:
        best = {int(g): max(row[labels == g]) for g in np.unique(labels)}
        expected |= set(sorted(best, key=lambda group: -best[group])[:wanted])
    assert set(labels[kept].tolist()) == expected
    assert not set(labels[~kept].tolist()) & expected


def test_no_group_is_a_normal_case() -> None:
    none = Pairs(*(np.empty((2, 0), dtype) for dtype in (float, bool)))
    assert group_costs(none, np.empty(0, np.int64), 0.1).costs.shape == (2, 0)
