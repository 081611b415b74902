"""The made-up city: the same for a seed, people walk as people do, and scores are counted right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from reid_tracker.config import MatchConfig
from tests.benchmarks.city import CONFIG, handed_over, idf1, run
from tests.benchmarks.city_looks import (
    ENCODERS,
    Looks,
    distances,
    first_is_right,
    generate,
    measure,
)
from tests.benchmarks.city_world import MISSED, Streets, World, name, streets, topology, walk
from tests.examples import examples

some = settings(max_examples=examples(40), deadline=None, derandomize=True)

MSMT17 = ENCODERS["osnet_x0_25_msmt17"]
MEASURED = {
    # python -m tests.benchmarks.city_looks --encoder ../shared/weights/osnet_x0_25_msmt17.onnx
    "one person, one camera": (0.052, 0.073, 0.113, 0.151, 0.198, 0.286, 0.356),
    "one person, two cameras": (0.171, 0.216, 0.287, 0.341, 0.409, 0.510, 0.572),
    "two people, one camera": (0.288, 0.364, 0.469, 0.531, 0.585, 0.653, 0.695),
    "two people, two cameras": (0.334, 0.408, 0.501, 0.559, 0.610, 0.673, 0.711),
}


def linked(city: Streets) -> set[tuple[int, int]]:
    here, slot = np.nonzero(city.neighbours >= 0)
    return set(zip(here.tolist(), city.neighbours[here, slot].tolist(), strict=True))


@some
@given(st.integers(2, 60), st.integers(0, 2**31))
def test_streets_lead_both_ways_and_every_crossing_has_one(cameras: int, seed: int) -> None:
    city = streets(cameras, seed)
    ways = linked(city)
    assert ways == {(other, one) for one, other in ways}
    assert all(one != other for one, other in ways)
    assert (city.neighbours >= 0).any(axis=1).all()
    assert np.array_equal(np.isfinite(city.metres), city.neighbours >= 0)
    assert len(topology(city).passages) == len(ways) // 2


def test_a_seed_is_a_city() -> None:
    first, second, other = (walk(30, 50, 60, seed) for seed in (1, 1, 2))
    for column in ("person", "camera", "first_s", "last_s", "looks"):
        assert np.array_equal(getattr(first, column), getattr(second, column))
    assert not np.array_equal(first.camera[:50], other.camera[:50])


def test_people_walk_from_street_to_street_within_the_topology_s_times() -> None:
    world = walk(40, 200, 120, 3)
    ways = linked(world.streets)
    times = topology(world.streets).travel_times([name(camera) for camera in range(40)])
    order = np.lexsort((world.first_s, world.person))
    same = world.person[order][1:] == world.person[order][:-1]
    one, other = order[:-1][same], order[1:][same]
    gap_s = world.first_s[other] - world.last_s[one]
    assert (gap_s > 0).all()  # nobody is in two places
    pairs = zip(world.camera[one].tolist(), world.camera[other].tolist(), strict=True)
    direct = np.array([a == b or (a, b) in ways for a, b in pairs])
    # The others are the crossings where somebody was missed.
    assert 1 - 2 * MISSED < direct.mean() < 1
    pair = world.camera[one][direct], world.camera[other][direct]
    fits = (gap_s[direct] >= times.min_s[pair]) & (gap_s[direct] <= times.max_s[pair])
    assert fits.mean() > 0.98
    assert np.all(np.diff(world.last_s) >= 0)
    assert 3 < np.median(world.last_s - world.first_s) < 9


@pytest.mark.parametrize("name", MEASURED)
def test_looks_are_as_far_apart_as_measured(name: str) -> None:
    made = distances(*generate(MSMT17, 150, 4))[name]
    low = slice(0, 5)  # the upper tail of two people, where nobody is confused, is too long
    assert made[low] == pytest.approx(np.array(MEASURED[name])[low], abs=0.06)


def test_the_nearest_is_right_as_often_as_measured() -> None:
    assert first_is_right(*generate(MSMT17, 100, 5)) == pytest.approx(0.469, abs=0.06)


@pytest.mark.slow
def test_measuring_made_up_looks_gives_back_their_numbers() -> None:
    found = measure(*generate(MSMT17, 800, 4))
    for part in ("mean", "person", "view", "look"):
        assert getattr(found, part) == pytest.approx(getattr(MSMT17, part), rel=0.2)


def test_a_person_s_looks_do_not_depend_on_the_batch() -> None:
    looks = Looks(MSMT17, 0)
    who, where, many = np.array([7, 7]), np.array([3, 3]), np.array([10**8, 10**8])
    first, second = (looks.tracklets(who, where, many, 1, draw)[:, 0] for draw in (0, 1))
    assert (first * second).sum(axis=1) == pytest.approx(1, abs=1e-3)
    elsewhere = looks.tracklets(who, where + 1, many, 1, 0)[:, 0]
    assert (first * elsewhere).sum(axis=1).max() < 0.97


@some
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=40))
def test_idf1_is_that_of_the_dense_assignment(pairs: list[tuple[int, int]]) -> None:
    truth, found = np.array(pairs).T
    shared = np.zeros((5, 6))
    for person, number in pairs:
        shared[person, number] += number > 0
    rows, columns = linear_sum_assignment(shared, maximize=True)
    expected = 2 * shared[rows, columns].sum() / (len(pairs) + (found > 0).sum())
    assert idf1(truth, found) == pytest.approx(expected)


def test_scores_of_the_best_and_the_worst() -> None:
    world = walk(20, 20, 60, 0)
    assert idf1(world.person, world.person + 1) == handed_over(world, world.person + 1) == 1
    apart = np.arange(len(world)) + 1
    assert handed_over(world, apart) == 0
    assert idf1(world.person, apart) == pytest.approx(20 / len(world))
    assert idf1(world.person, apart * 0) == 0


@pytest.mark.slow
def test_the_matcher_finds_people_again() -> None:
    world: World = walk(20, 20, 90, 0)
    config = MatchConfig(**CONFIG)
    first, second = (run(world, Looks(MSMT17, 0), config, 1.0, 30.0) for _ in range(2))
    assert np.array_equal(first.identity, second.identity)
    assert (first.identity > 0).all()
    nobody_again = idf1(world.person, np.arange(len(world)) + 1)
    assert nobody_again < 0.3
    assert idf1(world.person, first.identity) > 0.7
