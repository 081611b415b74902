"""Collects the positions of tracklets since their last message: one per time step, and the newest.

Each tracklet has one row, the same as in the `TrackletTable`. The time step keeps messages small.
If a row is full before the next message, every second position is dropped.
"""

from __future__ import annotations

import math

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray

_CAPACITY = 64
_COLUMNS = 7
"""Time, box (left, top, right, bottom), metres on the ground plane (x, y)."""


class Journal:
    """Positions of many tracklets, one row each.

    Args:
        step_s: seconds between two kept positions.

    Attributes:
        frames: (R,) int64 number of frames in which the tracklet was detected.
        fresh: (R,) int64 number of positions since the last message.
        sent_s: (R,) float64 time of the last message, -inf if there was none.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._rows = np.zeros((0, _CAPACITY, _COLUMNS))
        self._kept = np.zeros(0, np.int64)
        self._kept_s = np.zeros(0)
        self.frames = np.zeros(0, np.int64)
        self.fresh = np.zeros(0, np.int64)
        self.sent_s = np.zeros(0)

    def grow(self, rows: int) -> None:
        """Add empty rows until there are `rows`."""
        more = rows - len(self.frames)
        if more <= 0:
            return
        self._rows = np.concatenate([self._rows, np.zeros((more, _CAPACITY, _COLUMNS))])
        zeros = np.zeros(more, np.int64)
        self._kept = np.concatenate([self._kept, zeros])
        self.frames = np.concatenate([self.frames, zeros])
        self.fresh = np.concatenate([self.fresh, zeros])
        never = np.full(more, -math.inf)
        self._kept_s = np.concatenate([self._kept_s, never])
        self.sent_s = np.concatenate([self.sent_s, never])

    def clear(self, rows: IntArray) -> None:
        """Empty (K,) rows."""
        self._kept[rows] = self.frames[rows] = self.fresh[rows] = 0
        self._kept_s[rows] = self.sent_s[rows] = -math.inf

    def add(self, rows: IntArray, time_s: float, boxes: FloatArray, metres: FloatArray) -> None:
        """Record a frame in which tracklets were detected.

        Args:
            rows: (M,) distinct rows.
            time_s: time of the frame, later than all earlier ones.
            boxes: (M, 4) left, top, right, bottom as fractions of the frame.
            metres: (M, 2) positions on the ground plane; NaN if unknown.
        """
        full = rows[self._kept[rows] == _CAPACITY - 1]
        if len(full):
            half = _CAPACITY // 2
            self._rows[full, :half] = self._rows[full, : _CAPACITY - 1 : 2]
            self._kept[full] = half
        # The slot after the kept positions holds the newest one, which the next may replace.
        slot = self._kept[rows]
        self._rows[rows, slot, 0] = time_s
        self._rows[rows, slot, 1:5] = boxes
        self._rows[rows, slot, 5:] = metres
        self.fresh[rows] = slot + 1
        self.frames[rows] += 1
        due = rows[time_s >= self._kept_s[rows] + self._step_s]
        self._kept[due] += 1
        self._kept_s[due] = time_s

    def take(self, row: int, time_s: float) -> FloatArray:
        """Return the positions of a row, oldest first, and clear the row.

        Returns:
            (P, 7) time, box and metres of 1 to 64 positions. Without any new position, the last one
            of the previous call.
        """
        count = max(int(self.fresh[row]), 1)
        taken: FloatArray = self._rows[row, :count].copy()
        self._rows[row, 0] = taken[-1]
        self._kept[row] = self.fresh[row] = 0
        self.sent_s[row] = time_s
        return taken
