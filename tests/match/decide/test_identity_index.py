"""The index of identities follows every change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match import CrossCameraMatcher, Topology
from tests.match.batch_worlds import CONFIG, TOPOLOGY, Row, batch, rows
from tests.match.worlds import embeddings_of, some, tracks


@pytest.mark.slow
@some
@given(rows(), st.integers(1, 3))
def test_the_index_follows_every_change(given_rows: list[Row], most: int) -> None:
    config = dataclasses.replace(CONFIG, max_members=most, memory_s=8.0, revise_every_s=4.0)
    matcher = CrossCameraMatcher(config, TOPOLOGY)
    for end in range(2, 32, 2):
        now = [row for row in given_rows if end - 2 <= row[3] < end]
        # Those that go on are told of as far as they have come.
        going = [row for row in given_rows if row[2] <= end - 1 and end <= row[3]]
        sent = batch(*now, *((*row[:3], end - 1.0, row[4]) for row in going))
        matcher.update_tracklets(sent, float(end))
        check(matcher)


def test_frames_and_whole_tracklets_keep_one_index() -> None:
    """A frame that changes an indexed tracklet leaves no old sums behind."""
    config = dataclasses.replace(CONFIG, max_members=2, min_hits=1, patience_s=0.0, loose=0.6)
    matcher = CrossCameraMatcher(config, Topology())
    rng = np.random.default_rng(0)
    for step in range(40):
        now_s = float(step)
        rows = [(camera, 10 + step // 4, now_s - 1, now_s, step % 3) for camera in "ab"]
        matcher.update_tracklets(batch(*rows), now_s)
        for camera in "abc":
            people = [step % 3, (step + 1) % 3]
            noisy = embeddings_of(people, rng, noise=0.2)
            matcher.update(camera, tracks([1 + step // 8, 10 + step // 4]), noisy, now_s + 0.5)
        check(matcher)


def check(matcher: CrossCameraMatcher) -> None:
    """Compare the index with one made anew from the table."""
    index, table = matcher._ledger._index, matcher._table
    assert index is not None
    members = index.members[index.members >= 0]
    assert sorted(members) == sorted(np.flatnonzero(table.alive & (table.identity > 0)))
    for slot in np.flatnonzero(index.identity > 0):
        inside = index.members[slot][index.members[slot] >= 0]
        assert set(table.identity[inside]) == {index.identity[slot]}
        mean = table.prototypes.means(inside).sum(axis=0)
        assert index.means(np.array([slot]))[0] == pytest.approx(
            mean / np.linalg.norm(mean), abs=1e-4
        )
    assert np.bincount(index.identity[index.identity > 0], minlength=2).max(initial=0) <= 1
