"""An index of identities: their latest tracklets, their mean embedding, and where they were last.

With it, a batch of whole tracklets is compared with the means of people last seen nearby instead of
with all remembered tracklets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.types import Embeddings

_FIRST_CAPACITY = 64


class LastSeen(NamedTuple):
    """The last tracklet of each person, by camera.

    Attributes:
        slots: (B,) int64 slots of the people, sorted by camera, then by the tracklets' order.
        first_s: (B,) start of each tracklet.
        last_s: (B,) end of each tracklet.
        starts: (C + 1,) int64 index of the first entry of each camera.
    """

    slots: IntArray
    first_s: FloatArray
    last_s: FloatArray
    starts: IntArray


class IdentityIndex:
    """The latest tracklets of each identity; a slot is reused after its last member has left.

    Attributes:
        identity: (G,) int64 identity in each slot, 0 for a free slot.
        members: (G, max_members) int64 rows of the table, -1 for none.
        slot: (R,) int64 slot of each row of the table, -1 for none.
    """

    def __init__(self, table: TrackletTable, max_members: int) -> None:
        """Index the identities in a table.

        At most `max_members` tracklets of an identity are kept: the one unseen for longest goes.
        """
        self._table = table
        self.identity = np.zeros(0, np.int64)
        self.members = np.full((0, max_members), -1, np.int64)
        self.slot = np.full(0, -1, np.int64)
        self._sums = np.zeros((0, table.prototypes.vectors.shape[2]), np.float32)
        self._means = self._sums.copy()
        # Start of the latest member: a member that ended before it is not the last sighting.
        self._latest_s = np.zeros(0)
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        rows = np.flatnonzero(table.alive & (table.identity > 0))
        self.add_in_turn(rows[np.lexsort((table.order[rows], table.last_s[rows]))])

    def means(self, slots: IntArray) -> Embeddings:
        """Return the (A, D) means over the members' embeddings, of unit length."""
        means: Embeddings = self._means[slots]
        return means

    def add_in_turn(self, rows: IntArray) -> None:
        """Add (K,) rows that have just got an identity, one after the other."""
        for row in rows:
            self.add(row[None])

    def add(self, rows: IntArray) -> None:
        """Add (K,) rows that have just got an identity, each a different one."""
        if not len(rows):
            return
        table = self._table
        self._follow_size()
        slots = self._slots_of(table.identity[rows].tolist())
        members = self.members[slots]
        free = members < 0
        seen_s = np.where(free, np.inf, table.last_s[members])
        place = np.where(free.any(axis=1), free.argmax(axis=1), seen_s.argmin(axis=1))
        gone = members[np.arange(len(rows)), place]
        evicted = gone >= 0
        if evicted.any():
            self._subtract(gone[evicted], slots[evicted])
        self.members[slots, place] = rows
        self.slot[rows] = slots
        self._sums[slots] += table.prototypes.means(rows)
        self._refresh(slots)
        self._latest_s[slots] = np.maximum(self._latest_s[slots], table.first_s[rows])

    def remove(self, rows: IntArray) -> None:
        """Remove (K,) rows before they change or lose their identity; others are skipped."""
        self._follow_size()
        rows = rows[self.slot[rows] >= 0]
        if not len(rows):
            return
        slots = self.slot[rows]
        order = np.argsort(slots, kind="stable")
        self._subtract(rows[order], slots[order])
        slots = np.unique(slots)
        members = self.members[slots]
        inside = members >= 0
        empty = ~inside.any(axis=1)
        first_s = np.where(inside, self._table.first_s[members], -np.inf)
        self._latest_s[slots] = first_s.max(axis=1)
        self._refresh(slots[~empty])
        for slot in slots[empty].tolist():
            del self._slots[int(self.identity[slot])]
            self._free.append(slot)
        self.identity[slots[empty]] = 0
        self._sums[slots[empty]] = self._means[slots[empty]] = 0

    def evicted(self) -> IntArray:
        """Return rows with an identity that were dropped for later members of it."""
        self._follow_size()
        table = self._table
        return np.flatnonzero(table.alive & (table.identity > 0) & (self.slot < 0))

    def last_seen(self, cameras: int, since_s: float) -> LastSeen:
        """Return the last tracklets, by C cameras, of people who were seen at a time or later."""
        self._follow_size()
        table = self._table
        rows = np.flatnonzero((self.slot >= 0) & (table.last_s >= since_s))
        rows = rows[table.last_s[rows] >= self._latest_s[self.slot[rows]]]
        rows = rows[np.lexsort((table.order[rows], table.camera[rows]))]
        starts = np.searchsorted(table.camera[rows], np.arange(cameras + 1))
        return LastSeen(
            self.slot[rows], table.first_s[rows], table.last_s[rows], starts.astype(np.int64)
        )

    def _subtract(self, rows: IntArray, slots: IntArray) -> None:
        """Remove rows, sorted by slot, from the members and sums of their slots."""
        first = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        self._sums[slots[first]] -= np.add.reduceat(
            self._table.prototypes.means(rows), first, axis=0
        )
        place = (self.members[slots] == rows[:, None]).argmax(axis=1)
        self.members[slots, place] = -1
        self.slot[rows] = -1

    def _refresh(self, slots: IntArray) -> None:
        sums = self._sums[slots]
        length = np.sqrt(np.einsum("gd,gd->g", sums, sums))[:, None]
        self._means[slots] = sums / np.where(length > 0, length, 1)

    def _slots_of(self, identities: list[int]) -> IntArray:
        missing = sum(identity not in self._slots for identity in identities) - len(self._free)
        if missing > 0:
            self._grow(max(missing, len(self.identity), _FIRST_CAPACITY))
        for identity in identities:
            if identity not in self._slots:
                slot = self._free.pop()
                self._slots[identity] = slot
                self.identity[slot] = identity
                self._latest_s[slot] = -np.inf
        return np.array([self._slots[identity] for identity in identities], np.int64)

    def _grow(self, more: int) -> None:
        have = len(self.identity)
        self._free.extend(range(have + more - 1, have - 1, -1))
        self.identity = np.concatenate([self.identity, np.zeros(more, np.int64)])
        empty = np.full((more, self.members.shape[1]), -1, np.int64)
        self.members = np.concatenate([self.members, empty])
        self._latest_s = np.concatenate([self._latest_s, np.full(more, -np.inf)])
        width = self._table.prototypes.vectors.shape[2]
        sums = np.zeros((have + more, width), np.float32)
        means = sums.copy()
        if self._sums.shape[1] == width:
            sums[:have], means[:have] = self._sums, self._means
        self._sums, self._means = sums, means

    def _follow_size(self) -> None:
        more = len(self._table.alive) - len(self.slot)
        if more > 0:
            self.slot = np.concatenate([self.slot, np.full(more, -1, np.int64)])
