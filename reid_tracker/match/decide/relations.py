"""What time and topology say about pairs: may they be one person, and one right after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

SLACK_S = 1e-6  # times are sums of fractions that floats do not hold exactly


class Relations(NamedTuple):
    """Of every pair of (A,) and (B,) tracklets.

    Attributes:
        compatible: (A, B) bool; False: these two can never be one person.
        reachable: (A, B) bool; one may directly follow, or accompany, the other.
    """

    compatible: BoolArray
    reachable: BoolArray


def relate(
    table: TrackletTable, rows_a: IntArray, rows_b: IntArray, times: TravelTimes
) -> Relations:
    """Apply the hard constraints.

    Two tracklets of one camera that overlap in time are two people. Two cameras see one person at
    the same time only where their views overlap, and one after the other only where at least the
    topology's shortest time passes. The longest time does not make a pair incompatible, since the
    person may have been seen in between; it makes it unreachable.

    Args:
        table: all tracklets.
        rows_a: (A,) rows of it.
        rows_b: (B,) rows of it.
        times: the topology, by number of the camera.
    """
    first_a, last_a = table.first_s[rows_a, None], table.last_s[rows_a, None]
    first_b, last_b = table.first_s[None, rows_b], table.last_s[None, rows_b]
    gap_s = np.maximum(first_b - last_a, first_a - last_b)
    pair = np.ix_(table.camera[rows_a], table.camera[rows_b])
    compatible = np.where(gap_s <= 0, times.overlap[pair], gap_s >= times.min_s[pair] - SLACK_S)
    compatible |= rows_a[:, None] == rows_b[None]
    reachable = np.maximum(gap_s, 0) <= times.max_s[pair] + SLACK_S
    return Relations(compatible, reachable)
