"""Where tracklets have been on the floor, and how far apart two of them were at the same time.

Time is cut into buckets: cameras take their pictures at different moments, and a position is kept
for each bucket, the last one seen in it. A tracklet remembers as many buckets as its ring holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BUCKET_S = 0.25
RING = 256
_NEVER = -(2**62)


class Together(NamedTuple):
    """How far apart pairs of tracklets were while both were seen.

    Attributes:
        metres: (A, B) mean distance, NaN where they have no bucket in common.
        buckets: (A, B) int64 number of common buckets.
    """

    metres: FloatArray
    buckets: IntArray


class FloorTrails:
    """Positions of many tracklets, one row a tracklet, in metres.

    Attributes:
        first: (R, 2) first known position, NaN if none.
        last: (R, 2) last known position.
        first_s: (R,) time of the first one.
        last_s: (R,) time of the last one.
    """

    def __init__(self) -> None:
        self.first = np.full((0, 2), np.nan)
        self.last = np.full((0, 2), np.nan)
        self.first_s, self.last_s = np.zeros((2, 0))
        self._places = np.zeros((0, RING, 2), np.float32)
        self._buckets = np.full((0, RING), _NEVER, np.int64)
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
        """Make (K,) rows empty."""
        self.first[rows] = self.last[rows] = np.nan
        if self._used:
            self._buckets[rows] = _NEVER

    def add(self, rows: IntArray, metres: FloatArray, time_s: float) -> None:
        """Note the (M, 2) positions of (M,) distinct rows; NaN is not noted."""
        known = np.isfinite(metres).all(axis=1)
        rows, metres = rows[known], metres[known]
        if len(rows) and not self._used:
            # The rings are the most of a tracklet's memory; many sites have no floor plan.
            self._used = True
            self._grow_rings()
        if not len(rows):
            return
        bucket = int(time_s // BUCKET_S)
        self._places[rows, bucket % RING] = metres
        self._buckets[rows, bucket % RING] = bucket
        fresh = rows[np.isnan(self.first[rows, 0])]
        self.last[rows], self.last_s[rows] = metres, time_s
        self.first[fresh], self.first_s[fresh] = self.last[fresh], time_s

    def _grow_rings(self) -> None:
        more = len(self.first) - len(self._places)
        self._places = np.concatenate([self._places, np.zeros((more, RING, 2), np.float32)])
        self._buckets = np.concatenate([self._buckets, np.full((more, RING), _NEVER)])

    def together(self, rows_a: IntArray, rows_b: IntArray) -> Together:
        """Compare the paths of every pair of (A,) and (B,) rows over their common buckets."""
        if not self._used:
            shape = (len(rows_a), len(rows_b))
            return Together(np.full(shape, np.nan), np.zeros(shape, np.int64))
        places_a, places_b = self._places[rows_a], self._places[rows_b]
        common = self._buckets[rows_a, None] == self._buckets[rows_b][None]
        common &= self._buckets[rows_b][None] != _NEVER
        buckets = common.sum(axis=2)
        a, b, slot = np.nonzero(common)
        apart = np.linalg.norm(places_a[a, slot] - places_b[b, slot], axis=1)
        pair = a * len(rows_b) + b
        total = np.bincount(pair, apart, minlength=buckets.size).reshape(buckets.shape)
        metres = np.where(buckets > 0, total / np.maximum(buckets, 1), np.nan)
        return Together(metres, buckets)
