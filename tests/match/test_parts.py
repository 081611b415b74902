"""The vectorised parts of the matcher against plain oracles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.geometry import covered
from reid_tracker.match.decide.assignment import assign
from reid_tracker.match.decide.cluster import cluster
from reid_tracker.match.decide.linkage import Pairs, group_costs, nearest_groups
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.floor import BUCKET_S, RING, FloorTrails
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.prototypes import PrototypeMemory, prototype_distance
from reid_tracker.match.tracklets.quality import qualities
from reid_tracker.match.tracklets.table import TrackletTable
from tests.match.worlds import looks, tracks
from tests.oracles.match_plain import (
    Prototypes,
    add_look,
    cluster_plain,
    may_be_one,
    set_distance,
    soft_mean,
)

some = settings(max_examples=40, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32 - 1)


def memory(rows: int, prototypes: int = 3, spread: float = 0.3) -> PrototypeMemory:
    made = PrototypeMemory(prototypes, spread)
    made.grow(rows)
    return made


def held(made: PrototypeMemory, row: int) -> Prototypes:
    taken = made.weights[row] > 0
    return list(zip(made.vectors[row][taken], made.weights[row][taken].tolist(), strict=True))


@some
@given(seeds)
def test_prototypes_and_their_distances_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = memory(4)
    plain: list[Prototypes] = [[] for _ in range(4)]
    for _ in range(12):
        rows = np.flatnonzero(rng.random(4) < 0.7)
        seen = looks(rng.integers(0, 4, len(rows)).tolist(), rng, 0.15)
        quality = rng.uniform(0.1, 1, len(rows)).astype(np.float32)
        made.add(rows, seen, quality)
        for known, look, weight in zip(rows, seen, quality.tolist(), strict=True):
            add_look(plain[known], look, weight, 3, 0.3)
    for row in range(4):
        total = sum((w * v for v, w in plain[row]), np.zeros(32))
        mean = total / max(float(np.linalg.norm(total)), 1e-9)
        np.testing.assert_allclose(made.means(np.array([row]))[0], mean, atol=1e-4)
        assert len(held(made, row)) == len(plain[row])
        for (vector, weight), (other, other_weight) in zip(
            held(made, row), plain[row], strict=True
        ):
            np.testing.assert_allclose(vector, other, atol=1e-4)
            assert weight == pytest.approx(other_weight, rel=1e-4)
    found = prototype_distance(made.vectors, made.weights, made.vectors[:3], made.weights[:3])
    expected = [[set_distance(a, b) for b in plain[:3]] for a in plain]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_one_prototype_is_the_mean() -> None:
    made = memory(1, prototypes=1)
    seen = looks([0, 1, 1], np.random.default_rng(0))
    for look in seen:
        made.add(np.array([0]), look[None], np.ones(1, np.float32))
    mean = seen[0] + seen[1]
    mean = 2 * mean / np.linalg.norm(mean) + seen[2]  # a mean of unit length, of weight 2
    np.testing.assert_allclose(made.means(np.array([0]))[0], mean / np.linalg.norm(mean), atol=1e-5)
    made.clear(np.array([0]))
    assert not made.means(np.array([0])).any()


@some
@given(seeds)
def test_relations_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = TrackletTable(memory(0), FloorTrails())
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
        assert found.compatible[a, b] == found.compatible[b, a] == expected
        gap = max(spans[b][1] - spans[a][2], spans[a][1] - spans[b][2], 0)
        assert found.reachable[a, b] == (gap <= 4.0)
    assert found.compatible.diagonal().all()


def random_pairs(rng: np.random.Generator, count: int) -> Pairs:
    def symmetric(part: float) -> np.ndarray:
        upper = np.triu(rng.random((count, count)) < part, 1)
        return np.asarray(upper | upper.T | np.eye(count, dtype=bool))

    costs = rng.random((count, count))
    costs = (costs + costs.T) / 2
    costs[~symmetric(0.9)] = np.inf
    return Pairs(costs, symmetric(0.85), symmetric(0.7))


@some
@given(seeds, st.integers(1, 9))
def test_clusters_agree_with_the_oracle(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = random_pairs(rng, count)
    bound = rng.integers(0, 3, count)
    found = cluster(pairs, bound, 0.5, 0.1)
    expected = cluster_plain(*pairs, bound.tolist(), 0.5, 0.1)
    groups = [set(np.flatnonzero(found.labels == name)) for name in np.unique(found.labels)]
    assert sorted(map(sorted, groups)) == sorted(map(sorted, expected))
    assert (found.labels <= np.arange(count)).all()
    assert (found.costs <= 0.5).all()


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
        if (
            np.isfinite(costs).all()
            and pairs.possible[row, members].all()
            and pairs.near[row, members].any()
        ):
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
    none = Pairs(*(np.empty((2, 0), dtype) for dtype in (float, bool, bool)))
    assert group_costs(none, np.empty(0, np.int64), 0.1).costs.shape == (2, 0)
    assert assign(np.empty((2, 0)), 1.0)[0].tolist() == []


@some
@given(seeds, st.integers(1, 4), st.integers(1, 4))
def test_assignment_is_the_best_of_all(seed: int, rows: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random((rows, columns)) < 0.8, rng.random((rows, columns)), np.inf)
    gate = 0.6
    found = assign(costs, gate)
    assert (costs[found] <= gate).all()

    def paid(columns_of: tuple[int, ...]) -> float:
        pairs = [pair for pair in enumerate(columns_of) if pair[1] >= 0]
        twice = len({column for _, column in pairs}) < len(pairs)
        return (
            np.inf if twice else sum(costs[p] - gate if costs[p] <= gate else np.inf for p in pairs)
        )

    best = min(map(paid, itertools.product([*range(columns), -1], repeat=rows)))
    chosen = np.full(rows, -1)
    chosen[found[0]] = found[1]
    assert paid(tuple(chosen.tolist())) == pytest.approx(best, abs=1e-4)


@some
@given(seeds)
def test_distances_on_the_floor_agree_with_the_oracle(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trails = FloorTrails()
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


def test_hidden_people_and_weak_detections_are_no_good_looks() -> None:
    boxes = np.array([[0, 0, 40, 100], [0, 40, 40, 140], [200, 0, 240, 90]])
    assert covered(boxes.astype(np.float32)).tolist() == pytest.approx([0.6, 0, 0])
    seen = tracks([1, 2, 3], boxes)
    seen.scores[2] = 0.3
    assert qualities(seen, 0.5, 0.3).tolist() == pytest.approx([0, 0.9, 0])
    assert qualities(seen[:0], 0.5, 0.3).tolist() == []
