"""The table of tracks keeps its columns together."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from reid_tracker.track.table import TrackTable


def filled(ids: list[int]) -> TrackTable:
    numbers = np.array(ids, np.int64)
    return TrackTable(
        ids=numbers,
        slots=numbers + 10,
        mean=np.ones((len(ids), 4, 2)) * numbers[:, None, None],
        covariance=np.ones((len(ids), 4, 3)) * numbers[:, None, None],
        measured=np.ones((len(ids), 4)) * numbers[:, None],
        hits=numbers + 20,
        missed=numbers + 30,
        confirmed=numbers % 2 == 0,
        born_s=numbers / 10,
        seen_s=numbers / 5,
        described_s=numbers / 6,
        scores=(numbers / 100).astype(np.float32),
        classes=numbers + 40,
        detection_index=numbers - 1,
        found=numbers - 2,
    )


def assert_equal(actual: TrackTable, expected: TrackTable) -> None:
    for item in fields(TrackTable):
        left, right = getattr(actual, item.name), getattr(expected, item.name)
        np.testing.assert_array_equal(left, right, err_msg=item.name)
        assert left.dtype == right.dtype, item.name


def test_empty_has_the_types_of_a_filled_one() -> None:
    empty = TrackTable.empty()
    assert len(empty) == 0
    assert_equal(empty, filled([]))


def test_select_keeps_rows_together() -> None:
    table = filled([1, 2, 3, 4])
    assert_equal(table.select(np.array([False, True, False, True])), filled([2, 4]))
    assert_equal(table.select(np.zeros(4, np.bool_)), TrackTable.empty())


def test_select_copies() -> None:
    table = filled([1, 2])
    table.select(np.ones(2, np.bool_)).missed += 5
    assert_equal(table, filled([1, 2]))


def test_join_appends_rows() -> None:
    assert_equal(filled([1, 2]).join(filled([5])), filled([1, 2, 5]))
    assert_equal(TrackTable.empty().join(filled([5])), filled([5]))
    assert_equal(filled([5]).join(TrackTable.empty()), filled([5]))
