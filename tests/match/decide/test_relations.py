"""Hard constraints against the plain oracle."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given

from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.table import TrackletTable
from tests.match.worlds import memory, seeds, some
from tests.oracles.match_plain import (
    may_be_one,
)


@some
@given(seeds)
def test_relations_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = TrackletTable(memory(0), GroundTrails())
    spans = []
    for track in range(6):
        camera, first = int(rng.integers(0, 3)), float(rng.integers(0, 10))
        row = table.rows_of(camera, np.array([track]), first)
        table.last_s[row] = first + rng.integers(0, 5)
        spans.append((camera, first, float(table.last_s[row[0]])))
    min_s = rng.integers(0, 6, (3, 3)).astype(float)
    min_s = np.maximum(min_s, min_s.T)
    overlap = np.triu(rng.random((3, 3)) < 0.5, 1)
    times = TravelTimes(min_s, np.full((3, 3), 4.0), overlap | overlap.T)
    rows = np.arange(6)
    found = relate(table, rows, rows, times)
    for a, b in itertools.combinations(range(6), 2):
        expected = may_be_one(spans[a], spans[b], min_s, times.overlap)
        assert found.possible[a, b] == found.possible[b, a] == expected
        gap = max(spans[b][1] - spans[a][2], spans[a][1] - spans[b][2], 0)
        assert found.near[a, b] == (gap <= 4.0)
    assert found.possible.diagonal().all()
