"""Looking back: cluster the recent past anew, and say how identities change by it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.cluster import Clusters, cluster
from reid_tracker.match.decide.evidence import pair_costs
from reid_tracker.match.decide.linkage import Pairs
from reid_tracker.match.decide.relations import relate
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import EventKind

_log = logging.getLogger(__name__)

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Revision:
    """One change that clustering suggests.

    Attributes:
        rows: (K,) tracklets that change.
        identity: number they get; 0 means one that was never used.
        kind: of the event.
        reason: for people.
        score: similarity in [0, 1].
    """

    rows: IntArray
    identity: int
    kind: EventKind
    reason: str
    score: float


def revise(
    table: TrackletTable,
    times: TravelTimes,
    now_s: float,
    patience_s: float,
    config: MatchConfig,
) -> list[Revision]:
    """Cluster the tracklets of the recent past, with all of their identities' older ones.

    Older tracklets of an identity stay together; recent ones may leave, and identities may join.

    Args:
        table: all tracklets; not changed.
        times: the topology.
        now_s: the present.
        patience_s: tracklets that have waited for longer get an identity.
        config: window and thresholds.

    Returns:
        The changes; none of them breaks a hard constraint. None where more tracklets are recent
        than `revise_max_tracklets`, since time and memory grow with their square.
    """
    since_s = now_s - config.revise_window_s
    good = table.alive & (table.hits >= config.min_hits)
    recent = good & (table.last_s >= since_s)
    known = np.isin(table.identity, table.identity[recent]) & (table.identity > 0) & table.alive
    rows = np.flatnonzero(recent | known)
    if not len(rows):
        return []
    if len(rows) > config.revise_max_tracklets:
        _log.warning(
            "%d tracklets within match.revise_window_s are more than match.revise_max_tracklets, "
            "%d: they are not clustered anew",
            len(rows),
            config.revise_max_tracklets,
        )
        return []
    rows = rows[np.argsort(table.order[rows])]
    identity = table.identity[rows]
    relations = relate(table, rows, rows, times)
    costs = pair_costs(table, rows, rows, config)
    costs = (costs + costs.T) / 2  # sums in floating point differ by the order of their terms
    one = (identity[:, None] == identity[None]) & (identity > 0)[None]
    costs = np.where(one, np.maximum(costs - config.keep_bonus, 0), costs)
    clusters = cluster(
        Pairs(costs, relations.compatible, relations.reachable),
        np.where(table.last_s[rows] < since_s, identity, 0),
        config.thresholds().revise_threshold,
        config.softness,
    )
    overdue = now_s - table.joined_s[rows] >= patience_s
    return _changes(table, rows, clusters, overdue)


def _changes(
    table: TrackletTable, rows: IntArray, clusters: Clusters, overdue: npt.NDArray[np.bool_]
) -> list[Revision]:
    """Give each cluster the identity of most of its evidence, each identity to one cluster."""
    names, label = np.unique(clusters.labels, return_inverse=True)
    keeps = _kept_identities(table, rows, label, len(names))
    identity = table.identity[rows]
    changes = []
    for number in range(len(names)):
        inside = label == number
        kept = int(keeps[number])
        moved = inside & (identity != kept) if kept else inside
        score = 1 - float(clusters.costs[inside].max(initial=0))
        if not moved.any() or (not kept and not (identity[inside].any() or overdue[inside].any())):
            continue
        for was in np.unique(identity[moved]).tolist() if kept else [-1]:
            group = moved & (identity == was) if kept else moved
            kind, reason = _kind(was, kept, bool(identity[inside].any()))
            if kind == "merge" and (identity == was).sum() > group.sum():
                kind, reason = "split", "more alike to another identity"
            changes.append(Revision(rows[group], kept, kind, reason, score))
    return changes


def _kind(was: int, kept: int, known: bool) -> tuple[EventKind, str]:
    if kept:
        return ("merge", "one person, seen from today") if was else ("match", "alike, looking back")
    return ("split", "not one person, seen from today") if known else ("new", "nobody is alike")


def _kept_identities(table: TrackletTable, rows: IntArray, label: IntArray, count: int) -> IntArray:
    """Return the (count,) identity that each cluster goes on with, 0 for none."""
    identity = table.identity[rows]
    known = np.unique(identity[identity > 0])
    share = np.zeros((count, len(known)))
    has = identity > 0
    column = np.searchsorted(known, identity[has])
    np.add.at(share, (label[has], column), table.quality[rows[has]] + 1e-9)
    keeps = np.zeros(count, np.int64)
    row, column = linear_sum_assignment(share, maximize=True)
    kept = share[row, column] > 0
    keeps[row[kept]] = known[column[kept]]
    return keeps
