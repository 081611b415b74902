"""Finds tracklets that cannot be who they were taken for: their time has come to overlap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]


def clashing(table: TrackletTable, rows: IntArray, times: TravelTimes) -> IntArray:
    """Return the rows that break a hard constraint with another member of their identity.

    A tracklet's time grows while it is seen. Of two that clash, the one that joined later is
    returned.

    Args:
        table: all tracklets.
        rows: (M,) rows that have changed; those without identity clash with nobody.
        times: the topology, by number of the camera.
    """
    rows = rows[table.identity[rows] > 0]
    others = np.flatnonzero(table.alive & np.isin(table.identity, table.identity[rows]))
    clash = ~relate(table, rows, others, times).compatible
    clash &= table.identity[rows, None] == table.identity[None, others]
    first, second = (
        side[index] for side, index in zip((rows, others), np.nonzero(clash), strict=True)
    )
    later = (table.joined_s[first], table.order[first])
    earlier = (table.joined_s[second], table.order[second])
    first_loses = (later[0] > earlier[0]) | ((later[0] == earlier[0]) & (later[1] > earlier[1]))
    return np.unique(np.where(first_loses, first, second))
