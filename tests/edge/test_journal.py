"""Positions of tracklets between two messages."""

from __future__ import annotations

import math

import numpy as np

from reid_tracker.edge.journal import Journal


def test_journal_keeps_the_newest_and_steps_before_it() -> None:
    journal = Journal(0.25)
    journal.grow(3)
    rows = np.array([0, 2])
    for step in range(11):
        journal.add(rows, step / 10, np.full((2, 4), step), np.full((2, 2), math.nan))
    taken = journal.take(0, 1.0)
    np.testing.assert_allclose(taken[:, 0], [0.0, 0.3, 0.6, 0.9, 1.0])
    assert journal.frames.tolist() == [11, 0, 11]
    journal.add(rows[:1], 1.1, np.zeros((1, 4)), np.zeros((1, 2)))
    np.testing.assert_allclose(journal.take(0, 1.1)[:, 0], [1.1])
