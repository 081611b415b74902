"""Positions of tracklets since their last message: one per time step, and the newest.

There is one row for each tracklet, as in its `TrackletTable`. Steps of time keep a message small;
if the next message takes long, every second position is dropped.
"""

from __future__ import annotations

import math

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray

_MOST = 64
_COLUMNS = 7
"""Time, box (left, top, right, bottom), metres on the ground plane (x, y)."""


class Journal:
    """Positions of many tracklets, one row each.

    Args:
        step_s: time between two positions.

    Attributes:
        frames: (R,) int64 number of frames in which the tracklet was detected.
        fresh: (R,) int64 number of positions since the last message.
        sent_s: (R,) time of the last message, -inf if there was none.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._rows = np.zeros((0, _MOST, _COLUMNS))
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
        self._rows = np.concatenate([self._rows, np.zeros((more, _MOST, _COLUMNS))])
        none = np.zeros(more, np.int64)
        self._kept = np.concatenate([self._kept, none])
        self.frames = np.concatenate([self.frames, none])
        self.fresh = np.concatenate([self.fresh, none])
        never = np.full(more, -math.inf)
        self._kept_s = np.concatenate([self._kept_s, never])
        self.sent_s = np.concatenate([self.sent_s, never])

    def clear(self, rows: IntArray) -> None:
        """Empty (K,) rows."""
        self._kept[rows] = self.frames[rows] = self.fresh[rows] = 0
        self._kept_s[rows] = self.sent_s[rows] = -math.inf

    def add(self, rows: IntArray, time_s: float, boxes: FloatArray, metres: FloatArray) -> None:
        """Note a frame in which tracklets were detected.

        Args:
            rows: (M,) distinct rows.
            time_s: of the frame, later than those before.
            boxes: (M, 4) as fractions of the frame.
            metres: (M, 2) on the ground plane; NaN if unknown.
        """
        full = rows[self._kept[rows] == _MOST - 1]
        if len(full):
            half = _MOST // 2
            self._rows[full, :half] = self._rows[full, : _MOST - 1 : 2]
            self._kept[full] = half
        # The slot after those that are kept holds the newest, which the next may replace.
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
        """Return the positions of a row, oldest first, and start again.

        Returns:
            (P, 7) time, box and metres of 1 to 64 positions; the last one of the previous call if
            nothing came since.
        """
        count = max(int(self.fresh[row]), 1)
        taken: FloatArray = self._rows[row, :count].copy()
        self._rows[row, 0] = taken[-1]
        self._kept[row] = self.fresh[row] = 0
        self.sent_s[row] = time_s
        return taken
