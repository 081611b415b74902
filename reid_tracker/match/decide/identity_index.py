"""Identities by slot: their latest tracklets, the mean of their looks, and who may be seen next.

It follows every change of identity, so that a batch of whole tracklets is compared with means of
identities last seen nearby instead of with all tracklets remembered.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.match.tracklets.table import TrackletTable

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

_FIRST_CAPACITY = 64


class OpenRows(NamedTuple):
    """Tracklets after which a person may be seen next, by camera.

    Attributes:
        slots: (B,) int64 slots of their identities, sorted by camera, then by the order in which
            the tracklets came.
        first_s: (B,) when each was first seen.
        last_s: (B,) when each was last seen.
        starts: (C + 1,) where each camera's begin.
    """

    slots: IntArray
    first_s: FloatArray
    last_s: FloatArray
    starts: IntArray


class IdentityIndex:
    """The members of each identity, at most `most` of them; a slot is reused when its last is gone.

    Attributes:
        identity: (G,) int64 number of the identity in each slot, 0 for a free one.
        members: (G, most) int64 rows of the table, -1 where there is none.
        slot: (R,) int64 slot of each row of the table, -1 where it is in none.
    """

    def __init__(self, table: TrackletTable, most: int) -> None:
        """Make an index of what a table holds by now.

        Args:
            table: all tracklets.
            most: members of an identity; the longest unseen makes way.
        """
        self._table = table
        self.identity = np.zeros(0, np.int64)
        self.members = np.full((0, most), -1, np.int64)
        self.slot = np.full(0, -1, np.int64)
        self._sums = np.zeros((0, table.looks.vectors.shape[2]), np.float32)
        self._means = self._sums.copy()
        # When the latest member was first seen: who was last seen before that has been seen since.
        self._latest_s = np.zeros(0)
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        rows = np.flatnonzero(table.alive & (table.identity > 0))
        for row in rows[np.lexsort((table.order[rows], table.last_s[rows]))]:
            self.add(np.array([row]))

    def means(self, slots: IntArray) -> Vectors:
        """Return the (A, D) means over their members' looks, of unit length."""
        means: Vectors = self._means[slots]
        return means

    def add(self, rows: IntArray) -> None:
        """Note (K,) rows that have just got an identity, each a different one."""
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
        self._sums[slots] += table.looks.means(rows)
        self._refresh(slots)
        self._latest_s[slots] = np.maximum(self._latest_s[slots], table.first_s[rows])

    def remove(self, rows: IntArray) -> None:
        """Forget (K,) rows, before they lose their identity or change; others are passed over."""
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
        """Return rows that have an identity but made way for later members of it."""
        self._follow_size()
        table = self._table
        return np.flatnonzero(table.alive & (table.identity > 0) & (self.slot < 0))

    def open_rows(self, cameras: int, since_s: float) -> OpenRows:
        """Return members last seen since a time, of whom none of their identity was seen later.

        Args:
            cameras: C, number of cameras.
            since_s: seconds.
        """
        self._follow_size()
        table = self._table
        rows = np.flatnonzero((self.slot >= 0) & (table.last_s >= since_s))
        rows = rows[table.last_s[rows] >= self._latest_s[self.slot[rows]]]
        rows = rows[np.lexsort((table.order[rows], table.camera[rows]))]
        starts = np.searchsorted(table.camera[rows], np.arange(cameras + 1))
        columns = (self.slot[rows], table.first_s[rows], table.last_s[rows])
        return OpenRows(*columns, starts.astype(np.int64))

    def _subtract(self, rows: IntArray, slots: IntArray) -> None:
        """Take rows, sorted by slot, out of their slots' members and sums."""
        first = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        self._sums[slots[first]] -= np.add.reduceat(self._table.looks.means(rows), first, axis=0)
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
        none = np.full((more, self.members.shape[1]), -1, np.int64)
        self.members = np.concatenate([self.members, none])
        self._latest_s = np.concatenate([self._latest_s, np.full(more, -np.inf)])
        width = self._table.looks.vectors.shape[2]
        sums = np.zeros((have + more, width), np.float32)
        means = sums.copy()
        if self._sums.shape[1] == width:
            sums[:have], means[:have] = self._sums, self._means
        self._sums, self._means = sums, means

    def _follow_size(self) -> None:
        more = len(self._table.alive) - len(self.slot)
        if more > 0:
            self.slot = np.concatenate([self.slot, np.full(more, -1, np.int64)])
