"""Whole tracklets in batches: against a plain oracle, and what can never happen."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match import CrossCameraMatcher, Passage, Topology, TrackletBatch
from reid_tracker.match.decide.assignment import assign
from reid_tracker.match.decide.batches import Offers, offers, pick
from reid_tracker.match.decide.identity_index import IdentityIndex
from reid_tracker.match.places.floor import FloorTrails
from reid_tracker.match.tracklets.prototypes import (
    PrototypeMemory,
    paired_prototype_distance,
    prototype_distance,
)
from reid_tracker.match.tracklets.table import TrackletTable
from tests.match.worlds import looks, tracks
from tests.oracles.match_plain import Message, handover_costs, may_be_one

some = settings(max_examples=40, deadline=None, derandomize=True)

CONFIG = MatchConfig(
    prototypes=1, min_hits=2, patience_s=1.0, revise_every_s=0.0, tight=0.25, loose=0.4
)
CAMERAS = "abcd"
TOPOLOGY = Topology(
    passages=(
        Passage(("a", "b"), overlap=True, max_s=10.0),
        Passage(("b", "c"), min_s=2.0, max_s=10.0),
        Passage(("c", "d"), min_s=0.0, max_s=10.0),
    ),
    returning_s=6.0,
    unlisted="closed",
)


def batch(*rows: tuple[str, int, float, float, int], noise: float = 0.02) -> TrackletBatch:
    """Tracklets as camera, track, first, last and person, with five looks in one prototype."""
    seen = [looks([person], np.random.default_rng(track), noise) for _, track, _, _, person in rows]
    return TrackletBatch(
        [row[0] for row in rows],
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] for row in rows]),
        np.array([row[3] for row in rows]),
        np.stack(seen) if seen else np.zeros((0, 1, 32), np.float32),
        np.full((len(rows), 1), 5.0),
        np.full(len(rows), 5),
        np.full(len(rows), 4.5),
    )


@st.composite
def rows(draw: st.DrawFn) -> list[tuple[str, int, float, float, int]]:
    """Tracklets that tempt: few people, any camera, any time."""
    found = []
    for track in range(1, draw(st.integers(2, 14)) + 1):
        first = draw(st.integers(0, 40)) / 2
        last = first + draw(st.integers(0, 10)) / 2
        camera = draw(st.sampled_from(CAMERAS))
        found.append((camera, track, first, last, draw(st.integers(0, 2))))
    return found


def send(
    matcher: CrossCameraMatcher, given: list[tuple[str, int, float, float, int]], noise: float = 0.3
) -> None:
    """Send tracklets as they end, in batches of two seconds, and wait for the last."""
    for end in range(2, 32, 2):
        matcher.update_tracklets(
            batch(*(row for row in given if end - 2 <= row[3] < end), noise=noise), float(end)
        )


def test_who_walks_from_camera_to_camera_keeps_the_identity() -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    send(matcher, [("b", 1, 0, 3, 0), ("c", 2, 6, 8, 0), ("d", 3, 9, 12, 0), ("b", 4, 1, 3, 1)], 0)
    who = [matcher.identity(*key) for key in (("b", 1), ("c", 2), ("d", 3), ("b", 4))]
    assert who[0] == who[1] == who[2] != who[3] != 0
    kinds = [event.kind for event in matcher.events()]
    assert sorted(kinds) == ["match", "match", "new", "new"]


@pytest.mark.parametrize(
    "second",
    [("b", 2, 2.0, 6.0, 0), ("c", 2, 4.0, 6.0, 0), ("d", 2, 8.0, 9.0, 0), ("c", 2, 15.0, 16.0, 0)],
    ids=["at once in one camera", "faster than possible", "no way there", "too late"],
)
def test_constraints_beat_looks(second: tuple[str, int, float, float, int]) -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    send(matcher, [("b", 1, 0, 3, 0), second], 0)
    assert 0 != matcher.identity("b", 1) != matcher.identity(second[0], 2) != 0


@some
@given(rows(), st.floats(0.02, 0.6))
def test_costs_are_those_of_the_plain_oracle(
    given_rows: list[tuple[str, int, float, float, int]], noise: float
) -> None:
    sent = batch(*given_rows, noise=noise)
    table = TrackletTable(PrototypeMemory(1, 0.15), FloorTrails())
    numbers = np.array([CAMERAS.index(name) for name in sent.cameras])
    placed = table.rows_of_keys(numbers, sent.tracks, sent.last_s)
    table.replace(placed, sent)
    known = placed[::2]
    table.identity[known] = 1 + np.arange(len(known)) // 2
    index = IdentityIndex(table, 16)
    times = TOPOLOGY.travel_times(CAMERAS)
    config = dataclasses.replace(CONFIG, loose=2.0, softness=0.1, shortlist=50)
    found = offers(table, index, times, placed[1::2], config)
    messages = [
        Message(camera, first_s, last_s, look[0], identity)
        for camera, first_s, last_s, look, identity in zip(
            *(numbers.tolist(), sent.first_s.tolist(), sent.last_s.tolist()),
            *(sent.prototypes.astype(np.float64), table.identity[placed].tolist()),
            strict=True,
        )
    ]
    expected = [
        handover_costs(one, messages[::2], *times[:2], times.overlap, config.softness)
        for one in messages[1::2]
    ]
    got: list[dict[int, float]] = [{} for _ in expected]
    for waiting, slot, cost in zip(*(column.tolist() for column in found), strict=True):
        got[waiting][int(index.identity[slot])] = cost
    assert [sorted(one) for one in got] == [sorted(one) for one in expected]
    for one, other in zip(got, expected, strict=True):
        assert [one[key] for key in sorted(one)] == pytest.approx(
            [other[key] for key in sorted(other)], abs=1e-4
        )


@some
@given(rows(), st.booleans())
def test_hard_constraints_are_never_violated(
    given_rows: list[tuple[str, int, float, float, int]], known: bool
) -> None:
    topology = TOPOLOGY if known else Topology()
    times = topology.travel_times(CAMERAS)
    matcher = CrossCameraMatcher(CONFIG, topology)
    send(matcher, given_rows)
    assert all(matcher.identity(camera, track) for camera, track, *_ in given_rows)
    for one, other in itertools.combinations(given_rows, 2):
        if matcher.identity(*one[:2]) == matcher.identity(*other[:2]):
            pair = [(CAMERAS.index(row[0]), row[2], row[3]) for row in (one, other)]
            assert may_be_one(pair[0], pair[1], times.min_s, times.overlap)


@some
@given(rows(), st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(
    given_rows: list[tuple[str, int, float, float, int]], random: Any
) -> None:
    plain, shuffled = (CrossCameraMatcher(CONFIG, TOPOLOGY) for _ in range(2))
    send(plain, given_rows)
    send(shuffled, random.sample(given_rows, len(given_rows)))
    assert plain.events() == shuffled.events()


@some
@given(rows(), st.integers(1, 3))
def test_the_index_follows_every_change(
    given_rows: list[tuple[str, int, float, float, int]], most: int
) -> None:
    config = dataclasses.replace(CONFIG, max_members=most, memory_s=8.0, revise_every_s=4.0)
    matcher = CrossCameraMatcher(config, TOPOLOGY)
    for end in range(2, 32, 2):
        now = [row for row in given_rows if end - 2 <= row[3] < end]
        # Those that go on are told of as far as they have come.
        going = [row for row in given_rows if row[2] <= end - 1 and end <= row[3]]
        sent = batch(*now, *((*row[:3], end - 1.0, row[4]) for row in going))
        matcher.update_tracklets(sent, float(end))
        index, table = matcher._index, matcher._table
        assert index is not None
        members = index.members[index.members >= 0]
        assert sorted(members) == sorted(np.flatnonzero(table.alive & (table.identity > 0)))
        for slot in np.flatnonzero(index.identity > 0):
            inside = index.members[slot][index.members[slot] >= 0]
            assert set(table.identity[inside]) == {index.identity[slot]}
            mean = table.looks.means(inside).sum(axis=0)
            assert index.means(np.array([slot]))[0] == pytest.approx(
                mean / np.linalg.norm(mean), abs=1e-4
            )
        assert np.bincount(index.identity[index.identity > 0], minlength=2).max(initial=0) <= 1


def test_memory_is_bounded() -> None:
    config = dataclasses.replace(CONFIG, max_members=3, memory_s=20.0)
    matcher = CrossCameraMatcher(config, Topology(returning_s=5.0))
    for step in range(200):
        at = 2.0 * step
        sent = batch(*(("a", 10 * step + p, at + 0.2, at + 1.0, p) for p in range(5)))
        matcher.update_tracklets(sent, at + 2)
    assert len(matcher.sightings()) <= 3 * 5 + 5
    assert len(matcher._table.alive) == 64
    assert {event.identity for event in matcher.events()} == {1, 2, 3, 4, 5}


def test_a_tracklet_that_goes_on_is_replaced_and_may_lose_its_identity() -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    matcher.update_tracklets(batch(("b", 1, 0, 2, 0)), 2.0)
    matcher.update_tracklets(batch(), 3.0)
    assert matcher.update_tracklets(batch(("b", 2, 4, 5, 0)), 5.0).tolist() == [1]
    # It was only hidden: both are seen at once.
    assert matcher.update_tracklets(batch(("b", 1, 0, 6, 0)), 6.0).tolist() == [1]
    assert matcher.identity("b", 2) == 0
    matcher.update_tracklets(batch(), 8.0)
    assert matcher.identity("b", 2) == 2


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
        assert ("not clustered anew" in caplog.text) != merged


def test_frames_and_batches_share_identities() -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    for step in range(6):
        matcher.update("a", tracks([1]), looks([0], np.random.default_rng(step)), step / 2)
    matcher.update_tracklets(batch(("b", 1, 1, 3, 0)), 4.0)
    assert matcher.identity("a", 1) == matcher.identity("b", 1) == 1


@some
@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 2**32 - 1))
def test_sparse_assignment_costs_what_the_dense_one_does(
    count: int, identities: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    costs = np.where(rng.random((count, identities)) < 0.5, rng.random((count, identities)), np.inf)
    near = np.nonzero(np.isfinite(costs))
    picks = pick(Offers(near[0], near[1], costs[near]), count, 0.6)
    rows_, columns = assign(costs, 0.6) if costs.size else (np.empty(0, int), np.empty(0, int))
    expected = np.full(count, -1)
    expected[rows_] = columns
    assert picks.slots.tolist() == expected.tolist()
    for row in range(count):
        rest = np.delete(costs[row], expected[row]) if expected[row] >= 0 else costs[row]
        assert picks.rivals[row] == rest.min(initial=np.inf)


@some
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 3))
def test_paired_distances_are_those_of_all_pairs(seed: int, size_a: int, size_b: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(4, size_a, 8)), rng.normal(size=(4, 5, size_b, 8))
    a, b = (
        (v / np.linalg.norm(v, axis=-1, keepdims=True)).astype(np.float32) for v in (one, other)
    )
    weights_a = rng.integers(0, 3, (4, size_a)).astype(np.float32)
    weights_b = rng.integers(0, 3, (4, 5, size_b)).astype(np.float32)
    found = paired_prototype_distance(a, weights_a, b, weights_b)
    for row in range(4):
        alone = slice(row, row + 1)
        expected = prototype_distance(a[alone], weights_a[alone], b[row], weights_b[row])
        assert found[row] == pytest.approx(expected[0], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tracks": np.array([1])}, r"tracks has shape \(1,\), expected \(2,\)"),
        ({"tracks": np.array([1, 1])}, "comes twice"),
        ({"last_s": np.array([-1.0, 2.0])}, "tracklet 1 of camera 'a' ends at -1 s, before"),
        ({"first_s": np.array([np.nan, 0.0])}, "not finite"),
        ({"prototypes": np.ones((2, 1, 32))}, "length 1"),
        ({"prototypes": np.full((2, 1, 32), np.nan)}, "NaN"),
        ({"prototypes": np.ones((1, 1, 32))}, r"\(1, 1, 32\), expected \(2, K, D\)"),
        ({"weights": np.ones((2, 2))}, r"weights have shape \(2, 2\)"),
    ],
)
def test_batches_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    good = batch(("a", 1, 0, 2, 0), ("a", 2, 0, 2, 1))
    good = dataclasses.replace(good, cameras=["a", "a"])
    with pytest.raises(InputError, match=message):
        dataclasses.replace(good, **change)


def test_looks_of_another_size_are_refused() -> None:
    matcher = CrossCameraMatcher(CONFIG)
    matcher.update_tracklets(batch(("a", 1, 0, 2, 0)), 2.0)
    other = dataclasses.replace(
        batch(("a", 2, 0, 2, 0)), prototypes=np.eye(1, 16, dtype=np.float32)[None]
    )
    with pytest.raises(InputError, match="16 numbers, this matcher has seen 32"):
        matcher.update_tracklets(other, 3.0)
    with pytest.raises(InputError, match="now_s = nan"):
        matcher.update_tracklets(batch(), np.nan)
