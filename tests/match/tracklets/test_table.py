"""The table of tracklets: rows, what they hold, and slots that are used again."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.table import TrackletTable
from tests.match.batch_worlds import batch
from tests.match.worlds import embeddings_of, memory


@pytest.fixture
def table() -> TrackletTable:
    return TrackletTable(memory(0), GroundTrails())


def test_a_track_of_a_camera_keeps_its_row(table: TrackletTable) -> None:
    first = table.rows_of(0, np.array([3, 8]), 1.0)
    again = table.rows_of(0, np.array([8, 9]), 2.0)
    other = table.rows_of(1, np.array([8]), 2.0)
    assert again[0] == first[1]
    assert len({*first.tolist(), *again.tolist(), *other.tolist()}) == 4
    assert table.row(1, 8) == other[0]
    assert table.row(1, 3) is None
    assert table.first_s[again].tolist() == [1.0, 2.0]
    assert table.members(np.concatenate([other, first])) == [(0, 3), (0, 8), (1, 8)]


def test_only_good_embeddings_are_hits(table: TrackletTable) -> None:
    rows = table.rows_of(0, np.array([1, 2, 3]), 1.0)
    seen = embeddings_of([0, 1, 2], np.random.default_rng(0))
    seen[1] = 0
    table.observe(rows, 1.5, seen, np.array([0.8, 0.9, 0.0]))
    table.observe(rows[:1], 2.0, seen[:1], np.array([0.4]))
    assert table.hits[rows].tolist() == [2, 0, 0]
    assert table.last_s[rows].tolist() == [2.0, 1.5, 1.5]
    (copy,) = table.tracklets(rows)
    assert (copy.track, copy.hits, copy.span_s) == (1, 2, (1.0, 2.0))
    assert copy.quality == pytest.approx(0.6)
    assert copy.prototypes.shape == (1, 32)
    assert copy.weights.tolist() == pytest.approx([1.2])


def test_a_forgotten_row_is_empty_when_it_is_used_again(table: TrackletTable) -> None:
    sent = batch(("a", 1, 0, 5, 0), ("a", 2, 1, 6, 1))
    rows = table.rows_of_keys(np.zeros(2, np.int64), sent.tracks, sent.last_s)
    table.replace(rows, sent)
    table.identity[rows] = 4
    table.trails.add(rows, np.ones((2, 2)), 1.0)
    table.forget(rows[:1])
    assert table.row(0, 1) is None
    assert table.identity[rows].tolist() == [0, 4]
    (used,) = table.rows_of(3, np.array([7]), 9.0).tolist()
    assert used == rows[0]
    assert table.hits[used] == 0
    assert not table.prototypes.weights[used].any()
    assert np.isnan(table.trails.first[used]).all()


def test_the_table_grows_without_moving_rows(table: TrackletTable) -> None:
    first = table.rows_of(0, np.arange(60), 1.0)
    many = table.rows_of(0, np.arange(500), 2.0)
    assert many[:60].tolist() == first.tolist()
    assert len(set(many.tolist())) == 500
    assert len(table.prototypes.weights) == len(table.trails.first) == len(table.alive) >= 500
