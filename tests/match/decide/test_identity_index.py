"""The index of identities follows every change."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match import (
    CrossCameraMatcher,
)
from tests.match.batch_worlds import CONFIG, TOPOLOGY, Row, batch, rows
from tests.match.worlds import some


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
