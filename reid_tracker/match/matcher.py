"""The live matcher: tracks of many cameras in, identities over all of them out.

Every update adds a frame's looks to its tracklets, takes identities back that a hard constraint now
rules out, and assigns those tracklets that are good enough and wait for an identity. Every few
seconds the recent past is clustered anew, see `revise`. Whatever changes is published as an event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.assignment import assign
from reid_tracker.match.evidence import pair_costs
from reid_tracker.match.floor import FloorTrails
from reid_tracker.match.ground import GroundPlane
from reid_tracker.match.learn import confident_links, supported_topology
from reid_tracker.match.linkage import GroupCosts, Pairs, group_costs, nearest_groups
from reid_tracker.match.prototypes import PrototypeMemory
from reid_tracker.match.quality import qualities
from reid_tracker.match.relations import relate
from reid_tracker.match.revise import Revision, revise
from reid_tracker.match.topology import Topology
from reid_tracker.match.tracklets import Tracklet, TrackletTable
from reid_tracker.match.transit import Sighting
from reid_tracker.types import Embeddings, EventKind, Identities, IdentityEvent, Member, Tracks

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


class CrossCameraMatcher:
    """Gives the tracks of several cameras identities. Ids start at 1 and are never reused.

    The same updates in the same order give the same identities; the order of the rows within an
    update does not matter.
    """

    def __init__(
        self,
        config: MatchConfig | None = None,
        topology: Topology | None = None,
        ground: GroundPlane | None = None,
        first_identity: int = 1,
    ) -> None:
        """Make a matcher that knows nobody.

        Args:
            config: thresholds; `config.topology` and `config.ground` are not read here.
            topology: how cameras lie; None forbids nothing across cameras until the times that
                people take are learned, see `learn` and `config.learn_links`.
            ground: homographies; None goes without positions.
            first_identity: number of the first new identity: one more than a gallery holds.
        """
        self.config = config or MatchConfig()
        self.topology = topology or Topology()
        self._learns = topology is None and self.config.learn_links > 0
        self.ground = ground or GroundPlane()
        self._cameras: list[str] = []
        self._times = self.topology.travel_times([])
        self._thresholds = self.config.thresholds()
        looks = PrototypeMemory(self.config.prototypes, self._thresholds.prototype_spread)
        self._table = TrackletTable(looks, FloorTrails())
        self._next_identity = first_identity
        self._now_s = -math.inf
        self._revised_s: float | None = None
        self._events: list[IdentityEvent] = []

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, time: float
    ) -> Identities:
        """Take the tracks of one frame of one camera.

        Args:
            camera: its name.
            tracks: (M) tracks that the camera's tracker reports.
            embeddings: (M, D) float32, one row a track; a row of zeros means "no look". None: no
                track has a look in this frame.
            time: of the frame, in seconds on a clock that all cameras share.

        Returns:
            (M) identities in the order of the tracks.

        Raises:
            InputError: the arrays do not fit together or hold NaN, or the time is not finite.
        """
        embeddings = self._check(tracks, embeddings, time)
        self._now_s = max(self._now_s, time)
        order = np.argsort(tracks.ids)
        rows = self._observe(self._number(camera), tracks[order], embeddings[order], time)
        self._take_back(rows)
        self._decide(rows)
        self._revise_when_due()
        self._forget()
        ranked = np.empty_like(rows)
        ranked[order] = rows
        table = self._table
        identity = table.identity[ranked]
        return Identities(tracks.ids, identity, np.where(identity > 0, table.score[ranked], 0))

    def events(self) -> list[IdentityEvent]:
        """Return what has changed since the last call, in order."""
        events, self._events = self._events, []
        return events

    def identity(self, camera: str, track: int) -> int:
        """Return who a tracklet is by now; 0 where not sure, or forgotten."""
        if camera not in self._cameras:
            return 0
        row = self._table.row(self._cameras.index(camera), track)
        return 0 if row is None else int(self._table.identity[row])

    def sightings(self) -> list[Sighting]:
        """Return who was seen where and when, of all tracklets remembered whose identity is sure.

        Transit times are learned from them, see `transit`.
        """
        table = self._table
        rows = np.flatnonzero(table.alive & (table.identity > 0))
        rows = rows[np.argsort(table.order[rows])]
        columns = (table.camera, table.identity, table.first_s, table.last_s, table.score)
        cells = zip(*(column[rows].tolist() for column in columns), strict=True)
        return [Sighting(self._cameras[camera], *rest) for camera, *rest in cells]

    def cameras(self) -> list[str]:
        """Return the names of the cameras seen so far, by their number."""
        return list(self._cameras)

    def identities(self) -> list[int]:
        """Return the numbers of all identities that are remembered, rising."""
        known = np.unique(self._table.identity[self._table.alive])
        numbers: list[int] = known[known > 0].tolist()
        return numbers

    def members(self, identity: int) -> list[Member]:
        """Return the tracklets of an identity, in the order in which they came."""
        rows = np.flatnonzero(self._table.alive & (self._table.identity == identity))
        return [(self._cameras[camera], track) for camera, track in self._table.members(rows)]

    def tracklets(
        self, *, identity: int | None = None, since_s: float = -math.inf
    ) -> list[Tracklet]:
        """Return what is known of tracklets that are good enough to be matched.

        Args:
            identity: only its tracklets.
            since_s: only those seen at this time or later.
        """
        table = self._table
        wanted = table.alive & (table.hits >= self.config.min_hits) & (table.last_s >= since_s)
        if identity is not None:
            wanted &= table.identity == identity
        return table.tracklets(np.flatnonzero(wanted))

    def finish(self) -> None:
        """Revise once more, at the end: everybody who is good enough gets an identity."""
        if self.config.revise_every_s > 0:
            self._revise(patience_s=-math.inf)

    def _check(self, tracks: Tracks, embeddings: Embeddings | None, time: float) -> Embeddings:
        if not math.isfinite(time):
            raise InputError(f"time = {time}: expected seconds, a finite number")
        if len(np.unique(tracks.ids)) < len(tracks):
            raise InputError(f"tracks.ids = {tracks.ids.tolist()}: expected each id once a frame")
        width = self._table.looks.vectors.shape[2]
        if embeddings is None:
            return np.zeros((len(tracks), width), np.float32)
        rows = np.asarray(embeddings, np.float32)
        if not len(tracks) and rows.size == 0:
            return np.zeros((0, width), np.float32)
        if rows.ndim != 2 or len(rows) != len(tracks):
            raise InputError(
                f"embeddings have shape {rows.shape}, expected ({len(tracks)}, D): a row a track"
            )
        if width and rows.shape[1] != width:
            raise InputError(
                f"embeddings have {rows.shape[1]} columns, this matcher has seen {width}; those of "
                "two encoders cannot be compared: make a new matcher"
            )
        if not np.isfinite(rows).all():
            raise InputError("embeddings hold NaN or infinite values")
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return (rows / np.where(length > 0, length, 1)).astype(np.float32)

    def _number(self, camera: str) -> int:
        if camera not in self._cameras:
            self._cameras.append(camera)
            self._times = self.topology.travel_times(self._cameras)
        return self._cameras.index(camera)

    def _observe(
        self, camera: int, tracks: Tracks, embeddings: Embeddings, time: float
    ) -> IntArray:
        """Add the frame to its tracklets; returns the (M,) rows."""
        table, config = self._table, self.config
        rows = table.rows_of(camera, tracks.ids, time)
        quality = qualities(tracks, config.min_score, config.max_cover)
        table.observe(rows, time, embeddings, quality)
        # The feet of a box that is partly hidden are not where its lower edge is.
        clear = quality > 0
        positions = self.ground.positions(self._cameras[camera], tracks.boxes[clear])
        table.trails.add(rows[clear], positions, time)
        return rows

    def _take_back(self, rows: IntArray) -> None:
        """Take the identity from tracklets that turn out to break a hard constraint.

        A tracklet's time grows while it is seen, and may come to overlap with another member of its
        identity. Of the two, the one that joined later loses the identity.
        """
        table = self._table
        rows = rows[table.identity[rows] > 0]
        others = np.flatnonzero(table.alive & np.isin(table.identity, table.identity[rows]))
        clash = ~relate(table, rows, others, self._times).compatible
        clash &= table.identity[rows, None] == table.identity[None, others]
        first, second = (
            side[index] for side, index in zip((rows, others), np.nonzero(clash), strict=True)
        )
        if not len(first):
            return
        later = (table.joined_s[first], table.order[first])
        earlier = (table.joined_s[second], table.order[second])
        first_loses = (later[0] > earlier[0]) | ((later[0] == earlier[0]) & (later[1] > earlier[1]))
        losers = np.unique(np.where(first_loses, first, second))
        for identity in np.unique(table.identity[losers]).tolist():
            group = losers[table.identity[losers] == identity]
            reason = "seen where and when this identity cannot be"
            self._set(group, 0, "split", reason, np.zeros(len(group)))

    def _decide(self, rows: IntArray) -> None:
        """Assign tracklets of this frame that are good enough and have no identity yet."""
        table, config, thresholds = self._table, self.config, self._thresholds
        waiting = rows[(table.identity[rows] == 0) & (table.hits[rows] >= config.min_hits)]
        if not len(waiting):
            return
        offers = self._offers(waiting)
        patient = self._now_s - table.joined_s[waiting] < config.patience_s
        picked, columns = assign(offers.costs, max(thresholds.loose, thresholds.tight))
        costs = offers.costs[picked, columns]
        rivals = offers.costs[picked].copy()
        rivals[np.arange(len(picked)), columns] = np.inf
        beaten = rivals.min(axis=1, initial=np.inf) - costs >= thresholds.margin
        sure = ((costs <= thresholds.tight) & beaten) | ~patient[picked]
        for row, column in zip(picked[sure].tolist(), columns[sure].tolist(), strict=True):
            cost = offers.costs[row, column]
            reason = f"looks and place cost {cost:.3f}, at most {thresholds.loose:g} allowed"
            identity = int(offers.groups[column])
            self._set(waiting[[row]], identity, "match", reason, np.array([1 - cost]))
        alone = ~patient
        alone[picked] = False
        for row in np.flatnonzero(alone).tolist():
            self._set_new(waiting[[row]], "nobody known is alike enough")

    def _offers(self, waiting: IntArray) -> GroupCosts:
        """Cost of every identity within reach for (A,) waiting tracklets."""
        table = self._table
        known = np.flatnonzero(table.alive & (table.identity > 0))
        since_s = table.first_s[waiting].min() - table.last_s[known]
        longest_s = self._times.max_s[table.camera[waiting[0]], table.camera[known]]
        near = known[since_s <= np.maximum(longest_s, 0)]
        members = known[np.isin(table.identity[known], table.identity[near])]
        # Prototypes are compared with those identities only whose means are nearest.
        similarity = table.looks.means(waiting) @ table.looks.means(members).T
        kept = nearest_groups(similarity, table.identity[members], self.config.shortlist)
        members = members[kept]
        relations = relate(table, waiting, members, self._times)
        costs = pair_costs(table, waiting, members, self.config)
        pairs = Pairs(costs, relations.compatible, relations.reachable)
        return group_costs(pairs, table.identity[members], self.config.softness)

    def _revise_when_due(self) -> None:
        every_s = self.config.revise_every_s
        if self._revised_s is None:
            self._revised_s = self._now_s
        if every_s > 0 and self._now_s - self._revised_s >= every_s:
            self._revise(self.config.patience_s)

    def _revise(self, patience_s: float) -> None:
        self._revised_s = self._now_s
        self._learn()
        for change in revise(self._table, self._times, self._now_s, patience_s, self.config):
            self._apply(change)

    def _learn(self) -> None:
        """Take the times that people took from camera to camera as limits, loosely."""
        if self._learns:
            links = confident_links(self.sightings(), 1 - self._thresholds.tight)
            self.topology = supported_topology(links, self._now_s, self.config.learn_links)
            self._times = self.topology.travel_times(self._cameras)

    def _apply(self, change: Revision) -> None:
        scores = np.full(len(change.rows), change.score)
        if change.identity:
            self._set(change.rows, change.identity, change.kind, change.reason, scores)
        else:
            self._set_new(change.rows, change.reason, change.kind, change.score)

    def _set_new(
        self, rows: IntArray, reason: str, kind: EventKind = "new", score: float = 1.0
    ) -> None:
        self._next_identity += 1
        self._set(rows, self._next_identity - 1, kind, reason, np.full(len(rows), score))

    def _set(
        self, rows: IntArray, identity: int, kind: EventKind, reason: str, scores: FloatArray
    ) -> None:
        """Give (K,) rows an identity, 0 for none, and publish it."""
        table = self._table
        previous = np.unique(table.identity[rows])
        table.identity[rows] = identity
        table.joined_s[rows] = self._now_s
        table.score[rows] = np.clip(scores, 0, 1)
        self._events.append(
            IdentityEvent(
                kind=kind,
                identity=identity,
                previous_ids=tuple(previous[(previous > 0) & (previous != identity)].tolist()),
                members=tuple(
                    (self._cameras[camera], track) for camera, track in table.members(rows)
                ),
                reason=reason,
                score=float(table.score[rows].mean()),
                time_s=self._now_s,
            )
        )

    def _forget(self) -> None:
        table = self._table
        old = np.flatnonzero(table.alive & (table.last_s < self._now_s - self.config.memory_s))
        if len(old):
            table.forget(old)


def final_identities(events: Sequence[IdentityEvent]) -> dict[Member, int]:
    """Return who each tracklet is after all events, by camera and track id."""
    return {member: event.identity for event in events for member in event.members}
