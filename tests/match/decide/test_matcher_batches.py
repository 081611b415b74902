"""The matcher with whole tracklets in batches, against plain oracles."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.errors import InputError
from reid_tracker.match import (
    CrossCameraMatcher,
    Topology,
)
from tests.match.batch_worlds import CAMERAS, CONFIG, TOPOLOGY, Row, batch, rows, send
from tests.match.worlds import embeddings_of, some, tracks
from tests.oracles.match_plain import (
    may_be_one,
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
def test_constraints_beat_looks(second: Row) -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    send(matcher, [("b", 1, 0, 3, 0), second], 0)
    assert 0 != matcher.identity("b", 1) != matcher.identity(second[0], 2) != 0


@some
@given(rows(), st.booleans())
def test_hard_constraints_are_never_violated(given_rows: list[Row], known: bool) -> None:
    topology = TOPOLOGY if known else Topology()
    times = topology.travel_times(CAMERAS)
    matcher = CrossCameraMatcher(CONFIG, topology)
    send(matcher, given_rows)
    assert all(matcher.identity(camera, track) for camera, track, *_ in given_rows)
    for one, other in itertools.combinations(given_rows, 2):
        if matcher.identity(*one[:2]) == matcher.identity(*other[:2]):
            pair = [(CAMERAS.index(row[0]), row[2], row[3]) for row in (one, other)]
            assert may_be_one(pair[0], pair[1], times.min_s, times.overlap)


@pytest.mark.slow
@some
@given(rows(), st.randoms(use_true_random=False))
def test_the_order_within_a_batch_does_not_matter(given_rows: list[Row], random: Any) -> None:
    plain, shuffled = (CrossCameraMatcher(CONFIG, TOPOLOGY) for _ in range(2))
    send(plain, given_rows)
    send(shuffled, random.sample(given_rows, len(given_rows)))
    assert plain.events() == shuffled.events()


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


def test_frames_and_batches_share_identities() -> None:
    matcher = CrossCameraMatcher(CONFIG, TOPOLOGY)
    for step in range(6):
        matcher.update("a", tracks([1]), embeddings_of([0], np.random.default_rng(step)), step / 2)
    matcher.update_tracklets(batch(("b", 1, 1, 3, 0)), 4.0)
    assert matcher.identity("a", 1) == matcher.identity("b", 1) == 1


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
