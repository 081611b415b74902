"""The live matcher: takes tracks of many cameras and returns identities across all of them.

Every update adds the embeddings of a frame to its tracklets. Then it withdraws identities that a
hard constraint now rules out, and assigns people to the tracklets that are good enough and still
wait. Every few seconds it clusters the recent past again, see `revise`. Every change is an event.

If cameras are tracked on other machines, whole tracklets come in batches instead of frames.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.config import MatchConfig
from reid_tracker.errors import InputError
from reid_tracker.match.decide.assignment import Candidates, assign
from reid_tracker.match.decide.batches import batch_candidates
from reid_tracker.match.decide.frames import frame_candidates
from reid_tracker.match.decide.identity_index import IdentityIndex
from reid_tracker.match.decide.ledger import IdentityLedger
from reid_tracker.match.decide.relations import violating
from reid_tracker.match.decide.revise import NOBODY_SIMILAR, revise
from reid_tracker.match.places.ground import GroundPlane
from reid_tracker.match.places.learn import confident_links, supported_topology
from reid_tracker.match.places.topology import Topology
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.places.transit import Sighting
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.quality import checked_embeddings, qualities
from reid_tracker.match.tracklets.table import Tracklet, TrackletTable
from reid_tracker.types import Embeddings, Identities, IdentityEvent, Member, Tracks

_CHECKED_AT_ONCE = 256


class CrossCameraMatcher:
    """Gives the tracks of several cameras identities, which start at 1 and are never reused.

    The same updates in the same order give the same identities. The order of the rows within an
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
            topology: how cameras lie. None forbids nothing across cameras until travel times have
                been learned from the people seen, see `learn` and `config.learn_links`.
            ground: homographies; None does without positions.
            numbers: gives new identities their numbers, ascending; None counts from 1.
        """
        self.config = config or MatchConfig()
        self.topology = topology or Topology()
        self.ground = ground or GroundPlane()
        self._learns = topology is None and self.config.learn_links > 0
        self._thresholds = self.config.thresholds()
        self._gate = max(self._thresholds.loose, self._thresholds.tight)
        prototypes = PrototypeMemory(self.config.prototypes, self._thresholds.prototype_spread)
        self._table = TrackletTable(prototypes, GroundTrails())
        new_numbers = itertools.count(1) if numbers is None else numbers
        self._ledger = IdentityLedger(self._table, new_numbers)
        self._times = self.topology.travel_times([])
        self._revised_s: float | None = None

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, timestamp_s: float
    ) -> Identities:
        """Take the tracks of one frame of one camera.

        Args:
            camera: its name.
            tracks: (M) tracks that the camera's tracker reports.
            embeddings: (M, D) float32, one row per track; a row of zeros means "no embedding".
                None: no track of this frame has one.
            timestamp_s: time of the frame in seconds, on a clock that all cameras share.

        Returns:
            (M) identities in the order of the tracks.

        Raises:
            InputError: the arrays do not fit together or hold NaN, or the time is not finite.
        """
        table, ledger = self._table, self._ledger
        width = table.prototypes.vectors.shape[2]
        embeddings = checked_embeddings(tracks, embeddings, timestamp_s, width)
        ledger.now_s = max(ledger.now_s, timestamp_s)
        order = np.argsort(tracks.ids)
        rows = self._observe(camera, tracks[order], embeddings[order], timestamp_s)
        self._withdraw(rows)
        waiting = rows[(table.identity[rows] == 0) & (table.hits[rows] >= self.config.min_hits)]
        if len(waiting):
            self._decide(waiting, frame_candidates(table, self._times, waiting, self.config))
        self._tidy_up()
        ranked = np.empty_like(rows)
        ranked[order] = rows
        identity = table.identity[ranked]
        return Identities(tracks.ids, identity, np.where(identity > 0, table.score[ranked], 0))

    def update_tracklets(self, batch: TrackletBatch, now_s: float) -> IntArray:
        """Take whole tracklets of any cameras, ended or not; one sent again replaces the earlier.

        Only embeddings are compared, not ground positions. The thresholds are those of frames, and
        a tracklet waits up to `patience_s` after its arrival. The latest `max_members` tracklets of
        a person are compared and remembered. The order within a batch does not matter. One batch
        per second costs less than one call per tracklet.

        Args:
            batch: (N) tracklets.
            now_s: current time in seconds, on the clock of their times.

        Returns:
            (N,) int64 identities, 0 while not sure.

        Raises:
            InputError: the embeddings differ in size from earlier ones, or the time is not finite.
        """
        table, ledger = self._table, self._ledger
        width, given = table.prototypes.vectors.shape[2], batch.prototypes.shape[2]
        if not math.isfinite(now_s):
            raise InputError(f"now_s = {now_s}: expected seconds, a finite number")
        if width and len(batch) and given != width:
            raise InputError(f"prototypes have {given} numbers, this matcher has seen {width}")
        ledger.now_s = max(ledger.now_s, now_s)
        rows = self._rows_of(batch, batch.last_s, np.full(len(batch), ledger.now_s))
        index = ledger.index(self.config.max_members)
        known = np.sort(rows[table.identity[rows] > 0])
        with ledger.changing(rows):
            table.replace(rows, batch)
        for start in range(0, len(known), _CHECKED_AT_ONCE):
            self._withdraw(known[start : start + _CHECKED_AT_ONCE])
        self._decide_batch(index, rows)
        self._tidy_up()
        return table.identity[rows]

    def restore(self, batch: TrackletBatch, identities: IntArray) -> None:
        """Give a new matcher (N) tracklets of an earlier one, and their (N,) identities above 0.

        Nothing is decided or reported.
        """
        rows = self._rows_of(batch, batch.first_s, batch.last_s)
        self._table.replace(rows, batch)
        self._ledger.restore(rows, identities)

    def rename(self, identity: int, name: int, reason: str, score: float) -> None:
        """Give an identity another number, which nobody has; it is reported as a "match".

        The reason is one line for people, the score a similarity in [0, 1].
        """
        rows = self._rows_with(identity)
        self._ledger.assign(rows, name, "match", reason, np.full(len(rows), score))

    def finish(self) -> None:
        """Revise once more, at the end: all tracklets that are good enough get an identity."""
        if self.config.revise_every_s > 0:
            self._revise(patience_s=-math.inf)

    def events(self) -> list[IdentityEvent]:
        """Return the changes since the last call, in order."""
        return self._ledger.take_events()

    def identity(self, camera: str, track: int) -> int:
        """Return the identity of a tracklet; 0 if it is not sure or the tracklet is forgotten."""
        row = self._ledger.row(camera, track)
        return 0 if row is None else int(self._table.identity[row])

    def cameras(self) -> list[str]:
        """Return the names of the cameras seen so far, by their number."""
        return list(self._ledger.cameras)

    def identities(self) -> list[int]:
        """Return all remembered identities, ascending."""
        known = np.unique(self._table.identity[self._table.alive])
        return [number for number in known.tolist() if number > 0]

    def members(self, identity: int) -> list[Member]:
        """Return the tracklets of an identity, in the order in which they came."""
        return self._ledger.members(self._rows_with(identity))

    def sightings(self) -> list[Sighting]:
        """Return where and when people were seen, for all remembered tracklets with an identity."""
        table, cameras = self._table, self._ledger.cameras
        rows = np.flatnonzero(table.alive & (table.identity > 0))
        return [
            Sighting(
                camera=cameras[table.camera[row]],
                identity=int(table.identity[row]),
                first_s=float(table.first_s[row]),
                last_s=float(table.last_s[row]),
                score=float(table.score[row]),
            )
            for row in rows[np.argsort(table.order[rows])].tolist()
        ]

    def tracklets(
        self, *, identity: int | None = None, since_s: float = -math.inf
    ) -> list[Tracklet]:
        """Return the tracklets that are good enough to be matched.

        Args:
            identity: only tracklets of this person.
            since_s: only those seen at this time or later.
        """
        table = self._table
        wanted = table.alive & (table.hits >= self.config.min_hits) & (table.last_s >= since_s)
        if identity is not None:
            wanted &= table.identity == identity
        return table.tracklets(np.flatnonzero(wanted))

    def _rows_with(self, identity: int) -> IntArray:
        return np.flatnonzero(self._table.alive & (self._table.identity == identity))

    def _rows_of(self, batch: TrackletBatch, order_s: FloatArray, joined_s: FloatArray) -> IntArray:
        """Return the (N,) rows of a batch; new tracklets come in the order of `order_s`."""
        cameras = self._camera_numbers(batch.cameras)
        order = np.lexsort((batch.tracks, cameras, order_s))
        rows = np.empty(len(batch), np.int64)
        rows[order] = self._table.rows_of_keys(cameras[order], batch.tracks[order], joined_s[order])
        return rows

    def _camera_numbers(self, cameras: Sequence[str]) -> IntArray:
        before = len(self._ledger.cameras)
        numbers = self._ledger.camera_numbers(cameras)
        if len(self._ledger.cameras) > before:
            self._times = self.topology.travel_times(self._ledger.cameras)
        return numbers

    def _observe(
        self, camera: str, tracks: Tracks, embeddings: Embeddings, timestamp_s: float
    ) -> IntArray:
        """Add a frame to its tracklets and return their (M,) rows."""
        table, config = self._table, self.config
        (number,) = self._camera_numbers([camera]).tolist()
        rows = table.rows_of(number, tracks.ids, timestamp_s)
        quality = qualities(tracks, config.min_score, config.max_cover)
        with self._ledger.changing(rows):
            table.observe(rows, timestamp_s, embeddings, quality)
        # The lower edge of a partly hidden box is not where the feet are.
        clear = quality > 0
        positions = self.ground.positions(camera, tracks.boxes[clear])
        table.trails.add(rows[clear], positions, timestamp_s)
        return rows

    def _withdraw(self, rows: IntArray) -> None:
        """Take the identity from tracklets that now break a hard constraint."""
        table = self._table
        losers = violating(table, rows, self._times)
        for identity in np.unique(table.identity[losers]).tolist():
            group = losers[table.identity[losers] == identity]
            reason = "this person was elsewhere at that time"
            self._ledger.assign(group, 0, "split", reason, np.zeros(len(group)))

    def _decide_batch(self, index: IdentityIndex, rows: IntArray) -> None:
        """Decide about all tracklets that are good enough and have no identity yet.

        They are compared when they come or change, (M,) `rows`, and when their patience is over.
        """
        table, config = self._table, self.config
        wait = table.alive & (table.identity == 0) & (table.hits >= config.min_hits)
        due = self._ledger.now_s - table.joined_s >= config.patience_s
        changed = np.zeros(len(due), np.bool_)
        changed[rows] = True
        # Those that have waited come first: later tracklets may continue them, and must not take
        # their identity before them.
        for group in (np.flatnonzero(wait & due), np.flatnonzero(wait & changed & ~due)):
            if len(group):
                waiting = group[np.argsort(table.order[group])]
                found = batch_candidates(table, index, self._times, waiting, config)
                self._decide(waiting, found)

    def _decide(self, waiting: IntArray, candidates: Candidates) -> None:
        """Assign (W,) waiting rows: sure ones at once, the others when their patience is over."""
        table, thresholds = self._table, self._thresholds
        found = assign(candidates, len(waiting), self._gate)
        due = self._ledger.now_s - table.joined_s[waiting] >= self.config.patience_s
        clear = found.rivals >= found.costs + thresholds.margin
        sure = (found.identities > 0) & (((found.costs <= thresholds.tight) & clear) | due)
        limit = f"at most {self._gate:g} allowed"
        self._ledger.assign_each(waiting[sure], found.identities[sure], found.costs[sure], limit)
        self._ledger.assign_new_each(waiting[(found.identities == 0) & due], NOBODY_SIMILAR)

    def _tidy_up(self) -> None:
        """Revise if it is time, and forget what is too old."""
        now_s = self._ledger.now_s
        if self._revised_s is None:
            self._revised_s = now_s
        if 0 < self.config.revise_every_s <= now_s - self._revised_s:
            self._revise(self.config.patience_s)
        self._ledger.forget(now_s - self.config.memory_s)

    def _revise(self, patience_s: float) -> None:
        ledger = self._ledger
        self._revised_s = ledger.now_s
        self._learn()
        for change in revise(self._table, self._times, ledger.now_s, patience_s, self.config):
            scores = np.full(len(change.rows), change.score)
            if change.identity:
                ledger.assign(change.rows, change.identity, change.kind, change.reason, scores)
            else:
                ledger.assign_new(change.rows, change.kind, change.reason, scores)

    def _learn(self) -> None:
        """Turn the travel times of people seen so far into generous limits."""
        if self._learns:
            links = confident_links(self.sightings(), 1 - self._thresholds.tight)
            now_s = self._ledger.now_s
            self.topology = supported_topology(links, now_s, self.config.learn_links)
            self._times = self.topology.travel_times(self._ledger.cameras)
