"""The ledger: every change of an identity is written once and reported once."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from reid_tracker.match import final_identities
from reid_tracker.match.decide.ledger import IdentityLedger
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import IdentityEvent
from tests.match.batch_worlds import batch
from tests.match.worlds import memory


@pytest.fixture
def ledger() -> IdentityLedger:
    """A ledger with tracks 1, 2 and 3 of camera "hall" in rows 0, 1 and 2."""
    made = IdentityLedger(TrackletTable(memory(0), GroundTrails()), itertools.count(5))
    made.now_s = 7.0
    sent = batch(*(("hall", track, 0.0, 4.0, track) for track in (1, 2, 3)))
    rows = made.table.rows_of_keys(made.camera_numbers(sent.cameras), sent.tracks, sent.last_s)
    made.table.replace(rows, sent)
    return made


def test_new_cameras_get_numbers_in_the_order_of_their_names(ledger: IdentityLedger) -> None:
    assert ledger.camera_numbers(["yard", "door", "hall", "door"]).tolist() == [2, 1, 0, 1]
    assert ledger.cameras == ["hall", "door", "yard"]
    assert ledger.row("hall", 2) == 1
    assert ledger.row("hall", 9) is ledger.row("nowhere", 1) is None


def test_each_change_is_reported_once(ledger: IdentityLedger) -> None:
    ledger.assign_new_each(np.array([0, 1]), "nobody")
    ledger.assign_each(np.array([2]), np.array([5]), np.array([0.25]), "at most 0.4 allowed")
    ledger.assign(np.array([2, 1]), 6, "merge", "similar", np.array([0.5, 0.7]))
    new = [IdentityEvent("new", 5 + k, (), (("hall", 1 + k),), "nobody", 1.0, 7.0) for k in (0, 1)]
    reason = "match cost 0.250, at most 0.4 allowed"
    match = IdentityEvent("match", 5, (), (("hall", 3),), reason, 0.75, 7.0)
    merge = IdentityEvent("merge", 6, (5,), (("hall", 2), ("hall", 3)), "similar", 0.6, 7.0)
    events = ledger.take_events()
    assert events == [*new, match, merge]
    assert ledger.take_events() == []
    assert ledger.table.identity[:3].tolist() == [5, 6, 6]
    assert ledger.table.joined_s[:3].tolist() == [7.0] * 3
    assert final_identities(events) == {("hall", 1): 5, ("hall", 2): 6, ("hall", 3): 6}


def test_what_is_restored_is_not_reported(ledger: IdentityLedger) -> None:
    ledger.restore(np.array([0, 2]), np.array([40, 41]))
    assert ledger.table.identity[:3].tolist() == [40, 0, 41]
    assert ledger.take_events() == []


def test_the_index_keeps_step(ledger: IdentityLedger) -> None:
    index = ledger.index(2)
    ledger.assign_new(np.array([0, 1, 2]), "new", "nobody", np.ones(3))
    assert index.identity[index.slot[[1, 2]]].tolist() == [5, 5]
    assert index.slot[0] == -1  # more members than the index keeps
    ledger.forget(before_s=4.0)
    assert ledger.table.alive[:3].tolist() == [False, True, True]
    ledger.forget(before_s=4.1)
    assert not ledger.table.alive.any()
    assert not index.identity.any()
