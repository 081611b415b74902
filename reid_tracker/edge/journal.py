"""Where tracklets were seen since they were last told of: a few positions, and the newest.

One row a tracklet, in the rows of its `TrackletTable`. Positions are kept in steps of time, so that
a message stays small; where a message is long in coming, every second one is given up.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_MOST = 64
_COLUMNS = 7
"""Time, box (left, top, right, bottom), metres on the floor (x, y)."""


class Journal:
    """Positions of many tracklets, one row a tracklet.

    Args:
        step_s: time between the positions that are kept.

    Attributes:
        frames: (R,) int64 number of frames in which the tracklet was seen.
        fresh: (R,) int64 positions since the last message.
        told_s: (R,) time of the last message, -inf where there was none.
    """

    def __init__(self, step_s: float) -> None:
        self._step_s = step_s
        self._rows = np.zeros((0, _MOST, _COLUMNS))
        self._kept = np.zeros(0, np.int64)
        self._kept_s = np.zeros(0)
        self.frames, self.fresh = np.zeros((2, 0), np.int64)
        self.told_s = np.zeros(0)

    def grow(self, rows: int) -> None:
        """Add empty rows until there are `rows`."""
        more = rows - len(self.frames)
        if more <= 0:
            return
        self._rows = np.concatenate([self._rows, np.zeros((more, _MOST, _COLUMNS))])
        none = np.zeros(more, np.int64)
        self._kept, self.frames, self.fresh = (
            np.concatenate([column, none]) for column in (self._kept, self.frames, self.fresh)
        )
        never = np.full(more, -math.inf)
        self._kept_s = np.concatenate([self._kept_s, never])
        self.told_s = np.concatenate([self.told_s, never])

    def clear(self, rows: IntArray) -> None:
        """Make (K,) rows empty."""
        self._kept[rows] = self.frames[rows] = self.fresh[rows] = 0
        self._kept_s[rows] = self.told_s[rows] = -math.inf

    def add(self, rows: IntArray, time_s: float, boxes: FloatArray, metres: FloatArray) -> None:
        """Note a frame in which tracklets were seen.

        Args:
            rows: (M,) distinct rows.
            time_s: of the frame, later than those before.
            boxes: (M, 4) as parts of the frame.
            metres: (M, 2) on the floor; NaN where not known.
        """
        full = rows[self._kept[rows] == _MOST - 1]
        if len(full):
            half = _MOST // 2
            self._rows[full, :half] = self._rows[full, : _MOST - 1 : 2]
            self._kept[full] = half
        # Behind those that are kept stands the newest, which the next may replace.
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
        """Return what is to be told of a row, oldest first, and begin anew.

        Returns:
            (P, 7) time, box and metres of 1 to 64 positions; the one told last where nothing came
            since.
        """
        count = max(int(self.fresh[row]), 1)
        taken: FloatArray = self._rows[row, :count].copy()
        self._rows[row, 0] = taken[-1]
        self._kept[row] = self.fresh[row] = 0
        self.told_s[row] = time_s
        return taken
