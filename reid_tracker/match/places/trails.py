"""Positions of tracklets on the ground plane, and how far apart two were at the same time.

Cameras take pictures at different moments, so time is cut into buckets and the last position in
each bucket counts. A tracklet remembers the buckets that fit into its ring.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray

BUCKET_S = 0.25
RING = 256
_NEVER = -(2**62)
_MAX_DISTANCES = 3_000_000
"""Distances that one comparison computes, for its time not to grow with the length of paths."""


class Together(NamedTuple):
    """The distance of pairs of tracklets while both were seen.

    Attributes:
        metres: (A, B) float32 mean distance, NaN without a common bucket.
        buckets: (A, B) float32 number of common buckets.
    """

    metres: Float32Array
    buckets: Float32Array


class GroundTrails:
    """Positions of many tracklets, one row each.

    Attributes:
        first: (R, 2) first known position in metres on the ground plane, NaN if none.
        last: (R, 2) last known position.
        first_s: (R,) time of the first position, seconds.
        last_s: (R,) time of the last position.
    """

    def __init__(self) -> None:
        self.first = np.full((0, 2), np.nan)
        self.last = np.full((0, 2), np.nan)
        self.first_s, self.last_s = np.zeros((2, 0))
        self._places = np.zeros((RING, 0, 2), np.float32)
        self._buckets = np.full((RING, 0), _NEVER, np.int64)
        self._used = False

    def grow(self, rows: int) -> None:
        """Add empty rows until there are `rows`."""
        more = rows - len(self.first)
        nowhere = np.full((more, 2), np.nan)
        self.first = np.concatenate([self.first, nowhere])
        self.last = np.concatenate([self.last, nowhere])
        self.first_s = np.concatenate([self.first_s, np.zeros(more)])
        self.last_s = np.concatenate([self.last_s, np.zeros(more)])
        if self._used:
            self._grow_rings()

    def clear(self, rows: IntArray) -> None:
        """Empty (K,) rows."""
        self.first[rows] = self.last[rows] = np.nan
        if self._used:
            self._buckets[:, rows] = _NEVER

    def add(self, rows: IntArray, metres: FloatArray, time_s: float) -> None:
        """Add (M, 2) positions of (M,) distinct rows; NaN is skipped."""
        known = np.isfinite(metres).all(axis=1)
        rows, metres = rows[known], metres[known]
        if len(rows) and not self._used:
            # Rings take most of a tracklet's memory; many sites have no ground plane.
            self._used = True
            self._grow_rings()
        if not len(rows):
            return
        bucket = int(time_s // BUCKET_S)
        self._places[bucket % RING, rows] = metres
        self._buckets[bucket % RING, rows] = bucket
        fresh = rows[np.isnan(self.first[rows, 0])]
        self.last[rows], self.last_s[rows] = metres, time_s
        self.first[fresh], self.first_s[fresh] = self.last[fresh], time_s

    def _grow_rings(self) -> None:
        more = len(self.first) - self._places.shape[1]
        self._places = np.hstack([self._places, np.zeros((RING, more, 2), np.float32)])
        self._buckets = np.hstack([self._buckets, np.full((RING, more), _NEVER)])

    def known(self, rows: IntArray) -> bool:
        """Return whether any of (K,) rows has a position."""
        return bool(np.isfinite(self.last[rows]).any())

    def together(self, rows_a: IntArray, rows_b: IntArray) -> Together:
        """Compare the paths of every pair of (A,) and (B,) rows over their common buckets.

        Beyond `_MAX_DISTANCES` distances, only every second, third, ... of all buckets counts.
        """
        metres = np.zeros((len(rows_a), len(rows_b)), np.float32)
        flat = metres.ravel()  # a view
        meetings = self._meetings(rows_a, rows_b)
        seen_a, seen_b = (
            np.zeros((len(meetings), len(rows)), np.float32) for rows in (rows_a, rows_b)
        )
        for number, (slot, a, b) in enumerate(meetings):
            seen_a[number, a] = seen_b[number, b] = 1
            x_a, y_a = self._places[slot, rows_a[a]].T.copy()
            x_b, y_b = self._places[slot, rows_b[b]].T.copy()
            # In place, because thousands of tracklets are millions of pairs.
            square, other = x_a[:, None] - x_b, y_a[:, None] - y_b
            square *= square
            other *= other
            square += other
            flat[a[:, None] * len(rows_b) + b] += np.sqrt(square, out=square)
        buckets = seen_a.T @ seen_b
        metres[buckets == 0] = np.nan
        metres /= np.maximum(buckets, 1)
        return Together(metres, buckets)

    def _meetings(self, rows_a: IntArray, rows_b: IntArray) -> list[tuple[int, IntArray, IntArray]]:
        """Return the slots of common buckets, each with indices of the rows that were seen then."""
        if not self._used:
            return []
        seen = self._buckets[:, rows_a]
        found = []
        for bucket in np.unique(seen[seen != _NEVER]).tolist():
            slot = bucket % RING
            a = np.flatnonzero(seen[slot] == bucket)
            b = np.flatnonzero(self._buckets[slot, rows_b] == bucket)
            if len(b):
                found.append((slot, a, b))
        distances = sum(len(a) * len(b) for _, a, b in found)
        return found[:: 1 + distances // _MAX_DISTANCES]
