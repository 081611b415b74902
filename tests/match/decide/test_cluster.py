"""Clusters against the plain oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.decide.cluster import _Groups, cluster
from reid_tracker.match.decide.evidence import Pairs
from tests.match.worlds import random_pairs, seeds, some
from tests.oracles.match_plain import (
    cluster_plain,
)


def test_a_join_does_not_compare_all_groups_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = 0
    plain = _Groups.costs

    def counted(self: _Groups, group: int) -> tuple[IntArray, FloatArray]:
        nonlocal compared
        others, costs = plain(self, group)
        compared += len(others)
        return others, costs

    monkeypatch.setattr(_Groups, "costs", counted)
    count = 400
    rng = np.random.default_rng(0)
    # Everybody is linked to everybody, and looks like one of 40 people.
    looks = np.eye(40)[rng.integers(0, 40, count)] + 0.02 * rng.normal(size=(count, 40))
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    costs = (0.9 * (1 - looks @ looks.T)).astype(np.float32)
    anything = np.ones((count, count), np.bool_)
    found = cluster(Pairs(costs, anything), np.zeros(count, np.int64), 0.9, 0.1)
    assert len(np.unique(found.labels)) <= 40
    assert compared <= 8 * count**2  # all anew at each join: 360 * count**2


@some
@given(seeds, st.integers(1, 9))
def test_clusters_agree_with_the_oracle(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = random_pairs(rng, count)
    bound = rng.integers(0, 3, count)
    found = cluster(pairs, bound, 0.5, 0.1)
    expected = cluster_plain(pairs.costs, pairs.near, bound.tolist(), 0.5, 0.1)
    groups = [set(np.flatnonzero(found.labels == name)) for name in np.unique(found.labels)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, expected))
    assert (found.labels <= np.arange(count)).all()
    assert (found.costs <= 0.5).all()
