"""Hard constraints from time and topology: which tracklets cannot be one person."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, IntArray
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable

SLACK_S = 1e-6  # times are sums of fractions that floats do not hold exactly


class Relations(NamedTuple):
    """The constraints on every pair of (A,) and (B,) tracklets.

    Attributes:
        possible: (A, B) bool; False if the two can never be one person.
        near: (A, B) bool; True if one can directly follow or accompany the other.
    """

    possible: BoolArray
    near: BoolArray


def relate(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, times: TravelTimes
) -> Relations:
    """Apply the hard constraints to every pair of (A,) and (B,) rows of the table.

    Two tracklets of one camera that overlap in time are two people. Two cameras see one person at
    the same time only if their views overlap, and one after the other only if at least the minimum
    travel time passes. More than the maximum travel time does not make a pair impossible, because
    another camera may have seen the person in between; it only makes the pair not near.
    """
    first_a, last_a = table.first_s[rows_a, None], table.last_s[rows_a, None]
    first_b, last_b = table.first_s[None, rows_b], table.last_s[None, rows_b]
    cameras = np.ix_(table.camera[rows_a], table.camera[rows_b])
    possible = times.overlap[cameras]
    possible |= first_b > last_a
    possible |= first_a > last_b
    near = np.ones_like(possible)
    if (times.min_s > 0).any() or (times.max_s < np.inf).any():
        gap_s = np.maximum(first_b - last_a, first_a - last_b)
        possible &= (gap_s <= 0) | (gap_s >= times.min_s[cameras] - SLACK_S)
        near = np.maximum(gap_s, 0) <= times.max_s[cameras] + SLACK_S
    possible |= rows_a[:, None] == rows_b[None]
    return Relations(possible, near)


def violating(table: TrackletTable, rows: IntArray, times: TravelTimes) -> IntArray:
    """Return those of (M,) rows that break a hard constraint with a tracklet of their identity.

    This happens because a tracklet's time span grows while the person is in view. Of two tracklets
    in conflict, the one that joined the identity later is returned. Rows without identity are
    skipped.
    """
    rows = rows[table.identity[rows] > 0]
    others = np.flatnonzero(table.alive & np.isin(table.identity, table.identity[rows]))
    conflict = ~relate(table, rows, others, times).possible
    conflict &= table.identity[rows, None] == table.identity[None, others]
    row, other = np.nonzero(conflict)
    first, second = rows[row], others[other]
    after_s = table.joined_s[first] - table.joined_s[second]
    first_loses = (after_s > 0) | ((after_s == 0) & (table.order[first] > table.order[second]))
    return np.unique(np.where(first_loses, first, second))
