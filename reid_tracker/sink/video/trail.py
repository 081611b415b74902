"""The paths of tracks over the last seconds, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reid_tracker.arrays import Float32Array, FloatArray, IntArray
from reid_tracker.types import Tracks

_MOST_POINTS = 50_000
_SMOOTH_S = 0.25  # each point is the mean over this time before and after it


class Trail:
    """Remembers the foot points (bottom centre) of tracks for the last `length_s` seconds.

    Args:
        length_s: seconds remembered; 0 remembers nothing.
    """

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._times_s = np.empty(0)
        self._ids = np.empty(0, np.int64)
        self._points = np.empty((0, 2), np.float32)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, tracks: Tracks, timestamp_s: float) -> None:
        """Append one frame's tracks and drop old points.

        If time goes back (the source restarted), all points are dropped.
        """
        if self._length_s <= 0:
            return
        feet = np.stack([tracks.boxes[:, [0, 2]].mean(axis=1), tracks.boxes[:, 3]], axis=1)
        keep = (self._times_s >= timestamp_s - self._length_s) & (self._times_s < timestamp_s)
        keep[:-_MOST_POINTS] = False
        self._times_s = np.append(self._times_s[keep], np.full(len(tracks), timestamp_s))
        self._ids = np.append(self._ids[keep], tracks.ids)
        self._points = np.append(self._points[keep], feet.astype(np.float32), axis=0)

    def lines(self, ids: IntArray) -> Iterator[tuple[int, Float32Array]]:
        """Yield each of `ids` that has moved, with its (K, 2) float32 points in pixels, old first.

        The points are smoothed against jitter of the boxes; both ends keep their place.

        Args:
            ids: (N,) identities in the current frame.
        """
        wanted = np.isin(self._ids, ids)
        known, points, times_s = self._ids[wanted], self._points[wanted], self._times_s[wanted]
        order = np.argsort(known, kind="stable")
        starts = np.flatnonzero(np.diff(known[order])) + 1
        for rows in np.split(order, starts):
            if len(rows) > 1:
                yield int(known[rows[0]]), smoothed(points[rows], times_s[rows])


def smoothed(points: Float32Array, times_s: FloatArray) -> Float32Array:
    """Return (K, 2) means over a short time around each point, symmetric about it."""
    here = np.arange(len(points))
    before = here - np.searchsorted(times_s, times_s - _SMOOTH_S)
    after = np.searchsorted(times_s, times_s + _SMOOTH_S, side="right") - 1 - here
    reach = np.minimum(before, after)
    sums = np.concatenate([np.zeros((1, 2)), points.cumsum(axis=0, dtype=np.float64)])
    mean: FloatArray = (sums[here + reach + 1] - sums[here - reach]) / (2 * reach + 1)[:, None]
    return mean.astype(np.float32)
