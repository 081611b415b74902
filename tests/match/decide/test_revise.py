"""Looking back: identities are merged, or left alone if there are too many."""

from __future__ import annotations

import dataclasses
import itertools
import tracemalloc

import numpy as np
import pytest

from reid_tracker.config import MatchConfig
from reid_tracker.match import CrossCameraMatcher, Topology
from reid_tracker.match.decide.evidence import SAME_CAMERA
from reid_tracker.match.decide.revise import revise
from reid_tracker.types import Embeddings
from tests.benchmarks.city import idf1, run
from tests.benchmarks.city_looks import ENCODERS, Looks
from tests.benchmarks.city_world import walk
from tests.match.batch_worlds import CONFIG, batch
from tests.match.crowds import crowd
from tests.match.worlds import QUICK, TOPOLOGY, embeddings_of, tracks
from tests.oracles.match_plain import aligned_costs, cluster_plain

TIMES = Topology().travel_times([f"{camera}" for camera in range(20)])
"""Of the cameras of a crowd."""


def test_looking_back_merges_two_identities_and_says_so() -> None:
    # The first looks of track 2 are misleading.
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    rng = np.random.default_rng(0)
    for step in range(40):
        time_s = step / 2
        matcher.update("a", tracks([1]), embeddings_of([0], rng), time_s)
        matcher.update("b", tracks([7]), embeddings_of([1 if step < 4 else 0], rng), time_s)
    assert matcher.identity("a", 1) == matcher.identity("b", 7) == 1
    merge = next(event for event in matcher.events() if event.kind == "merge")
    assert (merge.identity, merge.previous_ids, merge.members) == (1, (2,), (("b", 7),))
    assert 0 < merge.score <= 1
    assert merge.reason


def test_too_many_tracklets_are_not_clustered_anew(caplog: pytest.LogCaptureFixture) -> None:
    for most, expected in ((2, 0), (3, 1)):
        config = dataclasses.replace(
            CONFIG, revise_every_s=3.0, revise_max_tracklets=most, patience_s=0.0
        )
        matcher = CrossCameraMatcher(config, Topology())
        first, second, third = ("a", 1, 0, 2, 0), ("b", 2, 0, 2, 1), ("c", 3, 0, 2, 2)
        matcher.update_tracklets(batch(first, second, third), 2.0)
        caplog.clear()
        # Looks of another person, as if the first ones had been wrong.
        matcher.update_tracklets(batch(first, (*second[:4], 0), third), 6.0)
        merged = matcher.identity("a", 1) == matcher.identity("b", 2)
        assert merged == bool(expected)
        assert ("not clustered again" in caplog.text) != merged


def test_looking_back_expects_people_of_one_camera_to_look_alike() -> None:
    # As near as these two pairs are, one person is in two cameras, but two people are in one.
    def turned(angle: float) -> Embeddings:
        return np.array([[np.cos(angle), np.sin(angle), 0.0]], np.float32)

    angle = float(np.arccos(1 - 0.28))
    config = dataclasses.replace(QUICK, tight=0.0, loose=0.0)
    for camera, people in (("a", 2), ("b", 1)):
        matcher = CrossCameraMatcher(config, Topology())
        for step in range(40):
            row, where = (turned(0.0), "a") if step < 20 else (turned(angle), camera)
            matcher.update(where, tracks([1 + step // 20]), row, step / 2)
        assert len(matcher.identities()) == people


@pytest.mark.slow
@pytest.mark.parametrize("layout", [None, Topology()], ids=["topology", "without"])
def test_looking_back_gives_better_identities_than_live_decisions(layout: Topology | None) -> None:
    config = MatchConfig(prototypes=3, max_members=6)
    scores = []
    for seed in range(3):
        world, looks = walk(4, 12, 90.0, seed), Looks(ENCODERS["osnet_x0_25_msmt17"], seed)
        scores.append(
            [
                idf1(world.person, run(world, looks, each, 1.0, 45.0, layout).identity)
                for each in (config, dataclasses.replace(config, revise_every_s=0.0))
            ]
        )
    revised, live = np.mean(scores, axis=0)
    assert revised > live


@pytest.mark.slow
@pytest.mark.parametrize("ground", [False, True])
def test_three_thousand_tracklets_are_revised_in_300_mb(ground: bool) -> None:
    table = crowd(3000, people=600, prototypes=6, ground=ground)
    tracemalloc.start()
    changes = revise(table, TIMES, 60.0, 0.0, MatchConfig())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    assert sum(len(change.rows) for change in changes) == 3000
    assert ground or len(changes) < 900


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ENCODERS)
def test_a_revision_agrees_with_comparing_all_prototypes_of_all_pairs(encoder: str) -> None:
    for seed in range(3):
        table = crowd(50, 10, 6, ground=False, looks=ENCODERS[encoder], seed=seed)
        config = MatchConfig()
        changes = revise(table, TIMES, 60.0, 0.0, config)
        held = [
            [
                (vector.astype(np.float64), float(weight))
                for vector, weight in zip(*row, strict=True)
            ]
            for row in zip(
                table.prototypes.vectors[:50], table.prototypes.weights[:50], strict=True
            )
        ]
        costs = aligned_costs(held, table.camera[:50].tolist())
        threshold = config.thresholds().revise_threshold
        spans = list(zip(table.camera[:50], table.first_s[:50], table.last_s[:50], strict=True))
        for a, b in itertools.permutations(range(50), 2):
            (camera_a, first_a, last_a), (camera_b, first_b, last_b) = spans[a], spans[b]
            if camera_a == camera_b:
                together = first_a <= last_b and first_b <= last_a
                costs[a, b] = np.inf if together else costs[a, b] + SAME_CAMERA * threshold
        anywhere = np.ones(costs.shape, np.bool_)
        expected = cluster_plain(costs, anywhere, [0] * 50, threshold, config.softness)
        assert 5 < len(expected) < 45
        assert {frozenset(change.rows.tolist()) for change in changes} == set(
            map(frozenset, expected)
        )
