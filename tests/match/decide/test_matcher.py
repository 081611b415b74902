"""The live matcher: who is matched, what can never happen, and what is published."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match import (
    CrossCameraMatcher,
    Topology,
    final_identities,
)
from reid_tracker.types import Identities, IdentityEvent
from tests.examples import examples
from tests.match.worlds import QUICK, TOPOLOGY, Visit, embeddings_of, frames, run, tracks
from tests.oracles.match_plain import may_be_one

some = settings(max_examples=examples(25), deadline=None, derandomize=True)


@st.composite
def worlds(draw: st.DrawFn) -> list[Visit]:
    """Worlds that tempt: few looks, shared by people who cannot be one; tracks that pause."""
    visits = []
    for track in range(1, draw(st.integers(2, 9)) + 1):
        start = draw(st.integers(0, 20)) / 2
        length = draw(st.integers(2, 20)) / 2
        pause = start + draw(st.integers(1, 10)) / 2
        visits.append(
            Visit(
                camera=draw(st.sampled_from("abc")),
                track=track,
                person=draw(st.integers(0, 2)),
                start_s=start,
                end_s=start + length,
                pause_s=(pause, pause + draw(st.integers(0, 6)) / 2),
            )
        )
    return visits


def ids(found: list[tuple[float, str, Identities]]) -> list[list[int]]:
    return [identities.ids.tolist() for _, _, identities in found]


def test_one_person_seen_by_one_camera_after_the_other_is_one_identity() -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    found = run(matcher, [Visit("a", 1, 0, 0, 5), Visit("c", 1, 0, 12, 16)])
    assert matcher.identity("a", 1) == matcher.identity("c", 1) == 1
    assert found[0][2].ids.tolist() == [0]  # not yet sure
    kinds = [(event.kind, event.identity) for event in matcher.events()]
    assert kinds == [("new", 1), ("match", 1)]


def test_who_looks_otherwise_is_somebody_else() -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    run(matcher, [Visit("a", 1, 0, 0, 5), Visit("c", 1, 1, 12, 16)])
    assert (matcher.identity("a", 1), matcher.identity("c", 1)) == (1, 2)


@pytest.mark.parametrize(
    ("camera", "start_s"),
    [("a", 3.0), ("c", 3.0), ("c", 7.0)],
    ids=["at once in one camera", "at once in cameras that do not overlap", "faster than possible"],
)
def test_constraints_beat_looks(camera: str, start_s: float) -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    run(matcher, [Visit("a", 1, 0, 0, 5), Visit(camera, 2, 0, start_s, start_s + 6)])
    first, second = matcher.identity("a", 1), matcher.identity(camera, 2)
    assert first != second
    assert 0 not in (first, second)


def test_overlapping_cameras_see_one_person_at_once() -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    run(matcher, [Visit("a", 1, 0, 0, 5), Visit("b", 1, 0, 1, 5)])
    assert matcher.identity("a", 1) == matcher.identity("b", 1) == 1


def test_who_stays_away_for_longer_than_the_topology_says_is_somebody_new() -> None:
    topology = dataclasses.replace(TOPOLOGY, returning_s=3.0)
    for away_s, expected in ((2.0, 1), (8.0, 2)):
        matcher = CrossCameraMatcher(QUICK, topology)
        run(matcher, [Visit("a", 1, 0, 0, 5), Visit("a", 2, 0, 5 + away_s, 10 + away_s)])
        assert matcher.identity("a", 2) == expected


def test_a_track_that_comes_back_takes_its_identity_back() -> None:
    # Track 2 looks like track 1 and appears in its pause; then both are seen at once.
    visits = [Visit("a", 1, 0, 0, 12, (4.0, 8.0)), Visit("a", 2, 0, 5, 12)]
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    found = run(matcher, visits)
    assert any(identities.ids.tolist() == [1] for t, _, identities in found if 6 < t < 8)
    assert matcher.identity("a", 1) == 1
    assert matcher.identity("a", 2) == 2
    split = next(event for event in matcher.events() if event.kind == "split")
    assert (split.identity, split.previous_ids, split.members) == (0, (1,), (("a", 2),))


def test_who_never_looks_good_enough_stays_unsure() -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    for step in range(20):
        found = matcher.update("a", tracks([1]), np.zeros((1, 32), np.float32), step / 2)
    assert found.ids.tolist() == [0]
    assert found.scores.tolist() == [0]


@some
@given(worlds(), st.booleans())
def test_hard_constraints_are_never_violated(visits: list[Visit], known: bool) -> None:
    topology = TOPOLOGY if known else Topology()
    times = topology.travel_times("abc")
    matcher = CrossCameraMatcher(QUICK, topology)
    spans: dict[tuple[str, int], tuple[float, float]] = {}
    for time_s, camera, seen, rows in frames(visits):
        found = matcher.update(camera, seen, rows, time_s)
        sure = found.ids[found.ids > 0]
        assert len(np.unique(sure)) == len(sure)
        for track in seen.ids.tolist():
            spans[camera, track] = (spans.get((camera, track), (time_s, 0.0))[0], time_s)
        who = {key: matcher.identity(*key) for key in spans}
        for one, other in itertools.combinations(spans, 2):
            if who[one] and who[one] == who[other]:
                pair = [("abc".index(key[0]), *spans[key]) for key in (one, other)]
                assert may_be_one(pair[0], pair[1], times.min_s, times.overlap)


@some
@given(worlds())
def test_ids_are_never_reused_and_events_tell_everything(visits: list[Visit]) -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY)
    events: list[IdentityEvent] = []
    for time_s, camera, seen, rows in frames(visits):
        found = matcher.update(camera, seen, rows, time_s)
        events += matcher.events()
        told = final_identities(events)
        assert found.ids.tolist() == [told.get((camera, i), 0) for i in seen.ids.tolist()]
    introduced: list[int] = []
    for event in events:
        if event.identity and event.identity not in introduced:
            assert event.kind in {"new", "split"}
            introduced.append(event.identity)
    assert introduced == sorted(introduced)


@pytest.mark.slow
@some
@given(worlds(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(visits: list[Visit], seed: int) -> None:
    plain, shuffled = (CrossCameraMatcher(QUICK, TOPOLOGY) for _ in range(2))
    rng = np.random.default_rng(seed)
    for time_s, camera, seen, rows in frames(visits):
        order = rng.permutation(len(seen))
        expected = plain.update(camera, seen, rows, time_s)
        found = shuffled.update(camera, seen[order], rows[order], time_s)
        assert found.track_ids.tolist() == seen.ids[order].tolist()
        assert found.ids.tolist() == expected.ids[order].tolist()
    assert plain.events() == shuffled.events()


@pytest.mark.slow
@some
@given(worlds())
def test_the_same_input_gives_the_same_identities(visits: list[Visit]) -> None:
    first, second = (CrossCameraMatcher(QUICK, TOPOLOGY) for _ in range(2))
    assert ids(run(first, visits, 0.2)) == ids(run(second, visits, 0.2))
    assert first.events() == second.events()


def test_what_is_forgotten_frees_memory_but_no_number() -> None:
    config = dataclasses.replace(QUICK, memory_s=5.0)
    matcher = CrossCameraMatcher(config, TOPOLOGY)
    visits = [Visit("a", n + 1, 0, 20.0 * n, 20.0 * n + 4) for n in range(5)]
    run(matcher, visits)
    assert [event.identity for event in matcher.events()] == [1, 2, 3, 4, 5]
    assert matcher.identity("a", 1) == 0
    assert matcher.identity("nowhere", 1) == 0
    assert len(matcher._table.alive) == 64


def test_numbers_go_on_where_a_gallery_ends() -> None:
    matcher = CrossCameraMatcher(QUICK, TOPOLOGY, numbers=itertools.count(42))
    run(matcher, [Visit("a", 1, 0, 0, 5)])
    assert matcher.identity("a", 1) == 42


@pytest.mark.parametrize(
    ("embeddings", "time", "message"),
    [
        (np.ones((1, 32)), 1.0, r"embeddings have shape \(1, 32\), expected \(2, D\)"),
        (np.ones((2, 16)), 1.0, "16 columns, this matcher has seen 32"),
        (np.full((2, 32), np.nan), 1.0, "NaN"),
        (np.ones((2, 32)), np.inf, "timestamp_s = inf: expected seconds"),
    ],
)
def test_input_that_does_not_fit_is_refused(embeddings: Any, time: float, message: str) -> None:
    matcher = CrossCameraMatcher(QUICK)
    matcher.update("a", tracks([1, 2]), embeddings_of([0, 1], np.random.default_rng(0)), 0.0)
    with pytest.raises(InputError, match=message):
        matcher.update("a", tracks([1, 2]), embeddings, time)
    with pytest.raises(InputError, match="each id once"):
        matcher.update("a", tracks([1, 1]), None, 1.0)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(importlib.util.find_spec("trackeval") is None, reason="needs trackeval")
@pytest.mark.parametrize(("floor", "bar"), [(False, 0.70), (True, 0.85)])
def test_two_views_of_pets_reach_the_bar(floor: bool, bar: float) -> None:
    from tests.benchmarks import multi_camera as pets
    from tests.conftest import shared

    for view in pets.VIEWS:
        shared("data", "cache", f"PETS09-S2L1_{view}.npz")
        shared("data", "multicam", "PETS09-S2L1", f"gt_{view}.txt")
    frames = pets.tracked_frames()
    ground = pets.ground_plane() if floor else None
    _, revised = pets.match(frames, MatchConfig(), pets.TOPOLOGY, ground)
    assert pets.score(frames, revised, people=False).idf1 >= bar
