"""Clusters against the plain oracle."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match.decide.cluster import cluster
from tests.match.worlds import random_pairs, seeds, some
from tests.oracles.match_plain import (
    cluster_plain,
)


@some
@given(seeds, st.integers(1, 9))
def test_clusters_agree_with_the_oracle(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = random_pairs(rng, count)
    bound = rng.integers(0, 3, count)
    found = cluster(pairs, bound, 0.5, 0.1)
    expected = cluster_plain(pairs.costs, pairs.possible, pairs.near, bound.tolist(), 0.5, 0.1)
    groups = [set(np.flatnonzero(found.labels == name)) for name in np.unique(found.labels)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, expected))
    assert (found.labels <= np.arange(count)).all()
    assert (found.costs <= 0.5).all()
