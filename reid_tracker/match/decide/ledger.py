"""The ledger of identities: the only place that changes them, with an event for every change."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.decide.identity_index import IdentityIndex
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import EventKind, IdentityEvent, Member


class IdentityLedger:
    """The tracklets, their identities, and the events that report every change.

    Attributes:
        table: the remembered tracklets. Everybody may read it; only this class writes identities.
        cameras: names of the cameras, by number.
        now_s: the latest time seen, seconds.
    """

    def __init__(self, table: TrackletTable, new_numbers: Iterator[int]) -> None:
        """Make an empty ledger; `new_numbers` gives new identities their numbers, ascending."""
        self.table = table
        self.cameras: list[str] = []
        self.now_s = -math.inf
        self._camera_numbers: dict[str, int] = {}
        self._new_numbers = new_numbers
        self._events: list[IdentityEvent] = []
        self._index: IdentityIndex | None = None  # frames do without: made for the first batch

    def camera_numbers(self, cameras: Sequence[str]) -> IntArray:
        """Return the (N,) numbers of cameras; new names get the next ones, sorted."""
        new = sorted({camera for camera in cameras if camera not in self._camera_numbers})
        self._camera_numbers.update(zip(new, itertools.count(len(self.cameras)), strict=False))
        self.cameras += new
        return np.array([self._camera_numbers[camera] for camera in cameras], np.int64)

    def row(self, camera: str, track: int) -> int | None:
        """Return the row of a tracklet in the table, None if it is not remembered."""
        number = self._camera_numbers.get(camera)
        return None if number is None else self.table.row(number, track)

    def members(self, rows: IntArray) -> list[Member]:
        """Return camera name and track id of (K,) rows, in the order in which they came."""
        return [(self.cameras[camera], track) for camera, track in self.table.members(rows)]

    def take_events(self) -> list[IdentityEvent]:
        """Return the changes since the last call, in order."""
        events, self._events = self._events, []
        return events

    def index(self, max_members: int) -> IdentityIndex:
        """Return the index of identities, which is made at the first call and kept up to date."""
        if self._index is None:
            self._index = IdentityIndex(self.table, max_members)
        return self._index

    @contextmanager
    def changing(self, rows: IntArray) -> Iterator[None]:
        """Keep the index right while the block changes embeddings and times of distinct rows."""
        known = np.sort(rows[self.table.identity[rows] > 0])
        if self._index is not None:
            self._index.remove(known)
        yield
        if self._index is not None:
            self._index.add_in_turn(known)

    def restore(self, rows: IntArray, identities: IntArray) -> None:
        """Give (N,) rows of a new ledger their identities of an earlier run, without events."""
        self.table.identity[rows], self.table.score[rows] = identities, 1.0

    def assign(
        self, rows: IntArray, identity: int, kind: EventKind, reason: str, scores: FloatArray
    ) -> None:
        """Give (K,) rows the same identity, 0 for none, and report it as one event.

        The reason is one line for people; (K,) scores are similarities, clipped to [0, 1].
        """
        before = np.unique(self.table.identity[rows])
        if self._index is not None:
            self._index.remove(rows)
        self._write(rows, np.full(len(rows), identity), scores)
        if self._index is not None and identity:
            self._index.add_in_turn(rows)
        self._events.append(
            IdentityEvent(
                kind=kind,
                identity=identity,
                previous_ids=tuple(before[(before > 0) & (before != identity)].tolist()),
                members=tuple(self.members(rows)),
                reason=reason,
                score=float(self.table.score[rows].mean()),
                time_s=self.now_s,
            )
        )

    def assign_new(self, rows: IntArray, kind: EventKind, reason: str, scores: FloatArray) -> None:
        """Give (K,) rows one new identity; see `assign`."""
        self.assign(rows, next(self._new_numbers), kind, reason, scores)

    def assign_each(
        self, rows: IntArray, identities: IntArray, costs: FloatArray, why: str
    ) -> None:
        """Give (K,) rows without identity a different known one each, with an event for each.

        The scores are what the (K,) costs lack to 1; `why` ends the reason, after the cost.
        """
        self._write(rows, identities, 1 - costs)
        reasons = [f"match cost {cost:.3f}, {why}" for cost in costs.tolist()]
        self._report_each(rows, "match", reasons)

    def assign_new_each(self, rows: IntArray, reason: str) -> None:
        """Give (K,) rows without identity a new one each, with an event for each."""
        numbers = np.fromiter(itertools.islice(self._new_numbers, len(rows)), np.int64, len(rows))
        self._write(rows, numbers, np.ones(len(rows)))
        self._report_each(rows, "new", [reason] * len(rows))

    def forget(self, before_s: float) -> None:
        """Forget tracklets last seen before a time, and those that the index has dropped."""
        table = self.table
        old = np.flatnonzero(table.alive & (table.last_s < before_s))
        if self._index is not None:
            self._index.remove(old)
            old = np.union1d(old, self._index.evicted())
        if len(old):
            table.forget(old)

    def _write(self, rows: IntArray, identities: IntArray, scores: FloatArray) -> None:
        self.table.identity[rows] = identities
        self.table.joined_s[rows] = self.now_s
        self.table.score[rows] = np.clip(scores, 0, 1)

    def _report_each(self, rows: IntArray, kind: EventKind, reasons: Sequence[str]) -> None:
        table = self.table
        if self._index is not None:
            self._index.add(rows)
        for row, reason in zip(rows.tolist(), reasons, strict=True):
            member = (self.cameras[table.camera[row]], int(table.track[row]))
            self._events.append(
                IdentityEvent(
                    kind=kind,
                    identity=int(table.identity[row]),
                    previous_ids=(),
                    members=(member,),
                    reason=reason,
                    score=float(table.score[row]),
                    time_s=self.now_s,
                )
            )


def final_identities(events: Sequence[IdentityEvent]) -> dict[Member, int]:
    """Return the identity of each tracklet after all events, by camera and track id."""
    return {member: event.identity for event in events for member in event.members}
