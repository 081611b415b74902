"""Whom the waiting tracklets of one camera's frame may be, and at what cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.evidence import pair_costs
from reid_tracker.match.decide.linkage import GroupCosts, Pairs, group_costs, nearest_groups
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]


def frame_offers(
    table: TrackletTable, times: TravelTimes, waiting: IntArray, config: MatchConfig
) -> GroupCosts:
    """Return the cost of every identity within reach for (A,) waiting tracklets of one camera.

    Args:
        table: all tracklets.
        times: the topology, by number of the camera.
        waiting: (A,) rows without identity, A >= 1.
        config: shortlist, softness, prototypes and what the floor weighs.
    """
    known = np.flatnonzero(table.alive & (table.identity > 0))
    since_s = table.first_s[waiting].min() - table.last_s[known]
    longest_s = times.max_s[table.camera[waiting[0]], table.camera[known]]
    near = known[since_s <= np.maximum(longest_s, 0)]
    members = known[np.isin(table.identity[known], table.identity[near])]
    # Prototypes are compared with those identities only whose means are nearest.
    similarity = table.looks.means(waiting) @ table.looks.means(members).T
    kept = nearest_groups(similarity, table.identity[members], config.shortlist)
    members = members[kept]
    relations = relate(table, waiting, members, times)
    costs = pair_costs(table, waiting, members, config)
    pairs = Pairs(costs, relations.compatible, relations.reachable)
    return group_costs(pairs, table.identity[members], config.softness)
