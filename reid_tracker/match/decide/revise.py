"""Looking back: clusters the recent past again and finds the identities that change by it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from reid_tracker.arrays import BoolArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.match.decide.assignment import Candidates, assign
from reid_tracker.match.decide.cluster import Clusters, cluster
from reid_tracker.match.decide.evidence import compare_all
from reid_tracker.match.places.topology import TravelTimes
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import EventKind

logger = logging.getLogger(__name__)

NOBODY_SIMILAR = "no known person is similar enough"
"""Reason of a new identity."""


@dataclass(frozen=True, eq=False)
class Revision:
    """One change of identities that clustering suggests.

    Attributes:
        rows: (K,) tracklets that change.
        identity: their identity from now on; 0 means a new one.
        kind: of the event.
        reason: one line for people.
        score: similarity in [0, 1].
    """

    rows: IntArray
    identity: int
    kind: EventKind
    reason: str
    score: float


def revise(
    table: TrackletTable, times: TravelTimes, now_s: float, patience_s: float, config: MatchConfig
) -> list[Revision]:
    """Cluster the tracklets of the recent past, together with older ones of their identities.

    Older tracklets of an identity stay together. Recent ones may leave, and identities may join.
    A tracklet that has waited longer than the patience gets an identity.

    Returns:
        The changes. None of them breaks a hard constraint. The list is empty if there are more
        tracklets than `revise_max_tracklets`, because time and memory grow with their square.
    """
    since_s = now_s - config.revise_window_s
    good = table.alive & (table.hits >= config.min_hits)
    recent = good & (table.last_s >= since_s)
    known = np.isin(table.identity, table.identity[recent]) & (table.identity > 0) & table.alive
    rows = np.flatnonzero(recent | known)
    if not len(rows):
        return []
    if len(rows) > config.revise_max_tracklets:
        logger.warning(
            "%d tracklets within match.revise_window_s exceed match.revise_max_tracklets = %d: "
            "they are not clustered again",
            len(rows),
            config.revise_max_tracklets,
        )
        return []
    rows = rows[np.argsort(table.order[rows])]
    identity = table.identity[rows]
    threshold = config.thresholds().revise_threshold
    # Farther apart, a pair can hardly cost less than the threshold, and hardly weighs in a group.
    limit = threshold + config.keep_bonus + config.floor_weight + 2 * config.softness
    pairs = compare_all(table, rows, times, config, limit)
    same = (identity[:, None] == identity[None]) & (identity > 0)[None]
    np.subtract(pairs.costs, np.float32(config.keep_bonus), out=pairs.costs, where=same)
    np.maximum(pairs.costs, 0, out=pairs.costs, where=same)
    clusters = cluster(
        pairs,
        np.where(table.last_s[rows] < since_s, identity, 0),
        threshold,
        config.softness,
    )
    overdue = now_s - table.joined_s[rows] >= patience_s
    return _changes(table, rows, clusters, overdue)


def _changes(
    table: TrackletTable, rows: IntArray, clusters: Clusters, overdue: BoolArray
) -> list[Revision]:
    """Give each cluster the identity with most of its quality; no identity to two clusters."""
    names, label = np.unique(clusters.labels, return_inverse=True)
    keeps = _kept_identities(table, rows, label, len(names))
    identity = table.identity[rows]
    changes = []
    changed = (identity != keeps[label]) | ((keeps[label] == 0) & overdue)
    for number in np.unique(label[changed]).tolist():
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
                kind, reason = "split", "more similar to another person, looking back"
            changes.append(Revision(rows[group], kept, kind, reason, score))
    return changes


def _kind(was: int, kept: int, known: bool) -> tuple[EventKind, str]:
    if kept:
        return ("merge" if was else "match"), "similar enough to be one person, looking back"
    if known:
        return "split", "not similar enough to be one person, looking back"
    return "new", NOBODY_SIMILAR


def _kept_identities(table: TrackletTable, rows: IntArray, label: IntArray, count: int) -> IntArray:
    """Return the (count,) identity that each cluster keeps, 0 for none."""
    has = table.identity[rows] > 0
    pairs = np.stack([label[has], table.identity[rows[has]]])
    (row, known), place = np.unique(pairs, axis=1, return_inverse=True)
    share = np.bincount(place.ravel(), table.quality[rows[has]] + 1e-9, len(row))
    most = share.max(initial=0)
    return assign(Candidates(row, known, most - share), count, most).identities
