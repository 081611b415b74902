"""Candidates of whole tracklets against the plain oracle."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.match.decide.batches import batch_candidates
from reid_tracker.match.decide.identity_index import IdentityIndex
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.prototypes import (
    PrototypeMemory,
)
from reid_tracker.match.tracklets.table import TrackletTable
from tests.match.batch_worlds import CAMERAS, CONFIG, TOPOLOGY, Row, batch, rows
from tests.match.worlds import some
from tests.oracles.match_plain import (
    Message,
    handover_costs,
)


@some
@given(rows(), st.floats(0.02, 0.6))
def test_costs_are_those_of_the_plain_oracle(given_rows: list[Row], noise: float) -> None:
    sent = batch(*given_rows, noise=noise)
    table = TrackletTable(PrototypeMemory(1, 0.15), GroundTrails())
    numbers = np.array([CAMERAS.index(name) for name in sent.cameras])
    placed = table.rows_of_keys(numbers, sent.tracks, sent.last_s)
    table.replace(placed, sent)
    known = placed[::2]
    table.identity[known] = 1 + np.arange(len(known)) // 2
    index = IdentityIndex(table, 16)
    times = TOPOLOGY.travel_times(CAMERAS)
    config = dataclasses.replace(CONFIG, loose=2.0, softness=0.1, shortlist=50)
    found = batch_candidates(table, index, times, placed[1::2], config)
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
    for waiting, identity, cost in zip(*(column.tolist() for column in found), strict=True):
        got[waiting][identity] = cost
    assert [sorted(one) for one in got] == [sorted(one) for one in expected]
    for one, other in zip(got, expected, strict=True):
        assert [one[key] for key in sorted(one)] == pytest.approx(
            [other[key] for key in sorted(other)], abs=1e-4
        )
