"""The live matcher: tracks of many cameras in, identities over all of them out.

Every update adds a frame's looks to its tracklets, takes identities back that a hard constraint now
rules out, and assigns those tracklets that are good enough and wait for an identity. Every few
seconds the recent past is clustered anew, see `revise`. Whatever changes is published as an event.

Where cameras are tracked elsewhere, whole tracklets come in batches instead of frames, and are
compared with whom their cameras may see next, see `handover`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.decide.assignment import assign
from reid_tracker.match.decide.batches import offers, pick
from reid_tracker.match.decide.clash import clashing
from reid_tracker.match.decide.events import arrivals
from reid_tracker.match.decide.frames import frame_offers
from reid_tracker.match.decide.identity_index import IdentityIndex
from reid_tracker.match.decide.revise import Revision, revise
from reid_tracker.match.places.floor import FloorTrails
from reid_tracker.match.places.ground import GroundPlane
from reid_tracker.match.places.learn import confident_links, supported_topology
from reid_tracker.match.places.topology import Topology
from reid_tracker.match.places.transit import Sighting
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.quality import checked_looks, qualities
from reid_tracker.match.tracklets.table import Tracklet, TrackletTable
from reid_tracker.types import Embeddings, EventKind, Identities, IdentityEvent, Member, Tracks

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_TAKEN_BACK_AT_ONCE = 256


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
        numbers: Iterator[int] | None = None,
    ) -> None:
        """Make a matcher that knows nobody.

        Args:
            config: thresholds; `config.topology` and `config.ground` are not read here.
            topology: how cameras lie; None forbids nothing across cameras until the times that
                people take are learned, see `learn` and `config.learn_links`.
            ground: homographies; None goes without positions.
            numbers: gives new identities theirs, rising; None counts from 1.
        """
        self.config = config or MatchConfig()
        self.topology = topology or Topology()
        self._learns = topology is None and self.config.learn_links > 0
        self.ground = ground or GroundPlane()
        self._cameras: dict[str, int] = {}
        self._names: list[str] = []
        self._times = self.topology.travel_times([])
        self._thresholds = self.config.thresholds()
        looks = PrototypeMemory(self.config.prototypes, self._thresholds.prototype_spread)
        self._table = TrackletTable(looks, FloorTrails())
        self._new = itertools.count(1) if numbers is None else numbers
        self._now_s = -math.inf
        self._revised_s: float | None = None
        self._events: list[IdentityEvent] = []
        self._index: IdentityIndex | None = None  # of no use to frames: made for the first batch

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
        embeddings = checked_looks(tracks, embeddings, time, self._table.looks.vectors.shape[2])
        self._now_s = max(self._now_s, time)
        order = np.argsort(tracks.ids)
        (number,) = self._numbers([camera]).tolist()
        rows = self._observe(number, tracks[order], embeddings[order], time)
        self._take_back(rows)
        self._decide(rows)
        self._revise_when_due()
        self._forget()
        ranked = np.empty_like(rows)
        ranked[order] = rows
        table = self._table
        identity = table.identity[ranked]
        return Identities(tracks.ids, identity, np.where(identity > 0, table.score[ranked], 0))

    def update_tracklets(self, batch: TrackletBatch, now_s: float) -> IntArray:
        """Take whole tracklets of any cameras, ended or going on; one sent again is replaced.

        Costs are those of looks alone. What was sent is decided by the same thresholds as frames
        are, and as long as `patience_s` after its arrival; of an identity the latest
        `max_members` tracklets are compared and remembered. The order within a batch does not
        matter. A batch a second costs less than a call for each tracklet.

        Args:
            batch: (N) tracklets.
            now_s: present time on the clock of their times, seconds.

        Returns:
            (N,) int64 numbers of their identities, 0 while not sure.

        Raises:
            InputError: the looks are of another size than those before, or the time not finite.
        """
        table = self._table
        width, given = table.looks.vectors.shape[2], batch.prototypes.shape[2]
        if not math.isfinite(now_s):
            raise InputError(f"now_s = {now_s}: expected seconds, a finite number")
        if width and len(batch) and given != width:
            raise InputError(f"prototypes have {given} numbers, this matcher has seen {width}")
        self._now_s = max(self._now_s, now_s)
        numbers = self._numbers(batch.cameras)
        order = np.lexsort((batch.tracks, numbers, batch.last_s))
        rows = np.empty(len(batch), np.int64)
        waits_s = np.full(len(batch), self._now_s)
        rows[order] = table.rows_of_keys(numbers[order], batch.tracks[order], waits_s)
        if self._index is None:
            self._index = IdentityIndex(table, self.config.max_members)
        again = np.sort(rows[table.identity[rows] > 0])
        self._index.remove(again)
        table.replace(rows, batch)
        for row in again:
            self._index.add(row[None])
        for start in range(0, len(again), _TAKEN_BACK_AT_ONCE):
            self._take_back(again[start : start + _TAKEN_BACK_AT_ONCE])
        self._decide_all(self._index, rows)
        self._revise_when_due()
        self._forget()
        return table.identity[rows]

    def events(self) -> list[IdentityEvent]:
        """Return what has changed since the last call, in order."""
        events, self._events = self._events, []
        return events

    def identity(self, camera: str, track: int) -> int:
        """Return who a tracklet is by now; 0 where not sure, or forgotten."""
        if camera not in self._cameras:
            return 0
        row = self._table.row(self._cameras[camera], track)
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
        return [Sighting(self._names[camera], *rest) for camera, *rest in cells]

    def cameras(self) -> list[str]:
        """Return the names of the cameras seen so far, by their number."""
        return list(self._names)

    def identities(self) -> list[int]:
        """Return the numbers of all identities that are remembered, rising."""
        known = np.unique(self._table.identity[self._table.alive])
        return [number for number in known.tolist() if number > 0]

    def members(self, identity: int) -> list[Member]:
        """Return the tracklets of an identity, in the order in which they came."""
        rows = np.flatnonzero(self._table.alive & (self._table.identity == identity))
        return [(self._names[camera], track) for camera, track in self._table.members(rows)]

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

    def _numbers(self, cameras: Sequence[str]) -> IntArray:
        """Return the (N,) numbers of cameras; new names get the next ones, in their order."""
        new = sorted({camera for camera in cameras if camera not in self._cameras})
        if new:
            self._cameras.update(zip(new, itertools.count(len(self._names)), strict=False))
            self._names += new
            self._times = self.topology.travel_times(self._names)
        return np.array([self._cameras[camera] for camera in cameras], np.int64)

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
        positions = self.ground.positions(self._names[camera], tracks.boxes[clear])
        table.trails.add(rows[clear], positions, time)
        return rows

    def _take_back(self, rows: IntArray) -> None:
        """Take the identity from tracklets that turn out to break a hard constraint."""
        table = self._table
        losers = clashing(table, rows, self._times)
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
        offered = frame_offers(table, self._times, waiting, config)
        patient = self._now_s - table.joined_s[waiting] < config.patience_s
        picked, columns = assign(offered.costs, max(thresholds.loose, thresholds.tight))
        costs = offered.costs[picked, columns]
        rivals = offered.costs[picked].copy()
        rivals[np.arange(len(picked)), columns] = np.inf
        beaten = rivals.min(axis=1, initial=np.inf) - costs >= thresholds.margin
        sure = ((costs <= thresholds.tight) & beaten) | ~patient[picked]
        for row, column in zip(picked[sure].tolist(), columns[sure].tolist(), strict=True):
            cost = offered.costs[row, column]
            reason = f"looks and place cost {cost:.3f}, at most {thresholds.loose:g} allowed"
            identity = int(offered.groups[column])
            self._set(waiting[[row]], identity, "match", reason, np.array([1 - cost]))
        alone = ~patient
        alone[picked] = False
        for row in np.flatnonzero(alone).tolist():
            self._set_new(waiting[[row]], "nobody known is alike enough")

    def _decide_all(self, index: IdentityIndex, rows: IntArray) -> None:
        """Assign tracklets of all cameras that are good enough and have no identity yet.

        They are compared when they come or change, and once more when the time to be sure is over.

        Args:
            index: all identities.
            rows: (M,) tracklets that came or changed.
        """
        table, config = self._table, self.config
        open_ = table.alive & (table.identity == 0) & (table.hits >= config.min_hits)
        due = self._now_s - table.joined_s >= config.patience_s
        came = np.zeros(len(due), np.bool_)
        came[rows] = True
        # Those that waited come first: who came since may follow them, and must not take their
        # identity before them.
        for waiting in (np.flatnonzero(open_ & due), np.flatnonzero(open_ & came & ~due)):
            if len(waiting):
                self._decide_some(index, waiting)

    def _decide_some(self, index: IdentityIndex, waiting: IntArray) -> None:
        table, thresholds = self._table, self._thresholds
        waiting = waiting[np.argsort(table.order[waiting])]
        found = offers(table, index, self._times, waiting, self.config)
        picks = pick(found, len(waiting), max(thresholds.loose, thresholds.tight))
        patient = self._now_s - table.joined_s[waiting] < self.config.patience_s
        beaten = picks.rivals >= picks.costs + thresholds.margin
        sure = (picks.slots >= 0) & (((picks.costs <= thresholds.tight) & beaten) | ~patient)
        known = index.identity[picks.slots[sure]]
        self._set_each(waiting[sure], known, picks.costs[sure])
        alone = waiting[(picks.slots < 0) & ~patient]
        new = np.fromiter(itertools.islice(self._new, len(alone)), np.int64, len(alone))
        self._set_each(alone, new, None)

    def _revise_when_due(self) -> None:
        if self._revised_s is None:
            self._revised_s = self._now_s
        if 0 < self.config.revise_every_s <= self._now_s - self._revised_s:
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
            self._times = self.topology.travel_times(self._names)

    def _apply(self, change: Revision) -> None:
        scores = np.full(len(change.rows), change.score)
        if change.identity:
            self._set(change.rows, change.identity, change.kind, change.reason, scores)
        else:
            self._set_new(change.rows, change.reason, change.kind, change.score)

    def _set_new(
        self, rows: IntArray, reason: str, kind: EventKind = "new", score: float = 1.0
    ) -> None:
        self._set(rows, next(self._new), kind, reason, np.full(len(rows), score))

    def _set(
        self, rows: IntArray, identity: int, kind: EventKind, reason: str, scores: FloatArray
    ) -> None:
        """Give (K,) rows an identity, 0 for none, and publish it."""
        table = self._table
        previous = np.unique(table.identity[rows])
        if self._index is not None:
            self._index.remove(rows)
        table.identity[rows] = identity
        if self._index is not None and identity:
            for row in rows:
                self._index.add(row[None])
        table.joined_s[rows] = self._now_s
        table.score[rows] = np.clip(scores, 0, 1)
        members = [(self._names[camera], track) for camera, track in table.members(rows)]
        self._events.append(
            IdentityEvent(
                kind,
                identity,
                tuple(previous[(previous > 0) & (previous != identity)].tolist()),
                tuple(members),
                reason,
                float(table.score[rows].mean()),
                self._now_s,
            )
        )

    def _set_each(self, rows: IntArray, identities: IntArray, costs: FloatArray | None) -> None:
        """Give (K,) rows without identity one each, all different, and publish that.

        Args:
            rows: (K,) rows.
            identities: (K,) numbers.
            costs: (K,) for which they joined; None where the identities are new.
        """
        table, index = self._table, self._index
        assert index is not None  # noqa: S101 - batches make it
        table.identity[rows] = identities
        table.joined_s[rows] = self._now_s
        table.score[rows] = 1 if costs is None else np.clip(1 - costs, 0, 1)
        index.add(rows)
        cells = zip(table.camera[rows].tolist(), table.track[rows].tolist(), strict=True)
        self._events += arrivals(
            [(self._names[camera], track) for camera, track in cells],
            identities.tolist(),
            table.score[rows].tolist(),
            known=costs is not None,
            loose=max(self._thresholds.loose, self._thresholds.tight),
            time_s=self._now_s,
        )

    def _forget(self) -> None:
        table = self._table
        old = np.flatnonzero(table.alive & (table.last_s < self._now_s - self.config.memory_s))
        if self._index is not None:
            self._index.remove(old)
            old = np.union1d(old, self._index.evicted())
        if len(old):
            table.forget(old)
