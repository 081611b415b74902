"""Positions on the ground plane against the plain oracle."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given

from reid_tracker.match.places.trails import BUCKET_S, RING, GroundTrails
from tests.match.worlds import seeds, some


@pytest.mark.slow
def test_many_long_paths_at_once_are_compared_in_little_memory() -> None:
    count = 1500
    trails = GroundTrails()
    trails.grow(count)
    rows = np.arange(count)
    places = np.random.default_rng(0).uniform(0, 50, (count, 2))
    for bucket in range(RING):
        trails.add(rows, places, bucket * BUCKET_S)
    tracemalloc.start()
    found = trails.together(rows[:500], rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # each common moment of each pair: 1.6 GB
    assert (found.buckets >= 3).all()
    apart = np.linalg.norm(places[:500, None] - places, axis=2)
    assert found.metres == pytest.approx(apart, abs=1e-3)


@some
@given(seeds)
def test_distances_on_the_floor_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trails = GroundTrails()
    trails.grow(3)
    plain: list[dict[int, np.ndarray]] = [{}, {}, {}]
    for bucket in range(0, RING + 40, 7):
        rows = np.flatnonzero(rng.random(3) < 0.6)
        metres = rng.uniform(-5, 5, (len(rows), 2))
        metres[rng.random(len(rows)) < 0.1] = np.nan
        trails.add(rows, metres, bucket * BUCKET_S)
        for row, place in zip(rows, metres, strict=True):
            if np.isfinite(place).all():
                plain[row].pop(bucket - RING, None)
                plain[row] = {b: p for b, p in plain[row].items() if b % RING != bucket % RING}
                plain[row][bucket] = place
    found = trails.together(np.arange(3), np.arange(3))
    for a, b in itertools.product(range(3), repeat=2):
        common = plain[a].keys() & plain[b].keys()
        assert found.buckets[a, b] == len(common)
        apart = [float(np.linalg.norm(plain[a][k] - plain[b][k])) for k in common]
        if apart:
            assert found.metres[a, b] == pytest.approx(np.mean(apart), abs=1e-4)
