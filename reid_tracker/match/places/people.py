"""What a camera saw of people, and what of it says where the ground is: whole boxes, and walks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray

_BORDER = 0.01  # of the picture: a box that ends there is cut off
_COVERED = 0.1  # share of a box inside another one: the person may be hidden
_ASPECT = (1.3, 6.0)  # height by width of a person who stands or walks
_STEP = 0.3  # box heights that feet move between two glimpses that count
_STRAIGHT = 0.8  # cosine of the angle in the picture, by which a walk may turn
_MAX_GLIMPSES = 1500
_WINDOW_S = 1.0
_LEAST_BOXES = 3  # of which a median leaves out one


class Glimpses(NamedTuple):
    """Medians of clear boxes of one person within about a second.

    Attributes:
        ids: (K,) who; the glimpses of one person follow each other in time.
        times_s: (K,) seconds.
        feet: (K, 2) see `People.feet`.
        tall: (K,) see `People.tall`.
    """

    ids: IntArray
    times_s: FloatArray
    feet: FloatArray
    tall: FloatArray

    def walked(self) -> Glimpses:
        """Return those between which people walked, at most `_MAX_GLIMPSES`."""
        rows: list[int] = []
        for row, person in enumerate(self.ids.tolist()):
            same = bool(rows) and self.ids[rows[-1]] == person
            moved = same and np.hypot(*(self.feet[row] - self.feet[rows[-1]]))
            if not same or moved >= _STEP * self.tall[row]:
                rows.append(row)
        some = np.array(rows[:: 1 + len(rows) // _MAX_GLIMPSES], np.int64)
        return Glimpses(self.ids[some], self.times_s[some], self.feet[some], self.tall[some])

    def walks(self) -> tuple[IntArray, IntArray]:
        """Return (W,) rows where people began to walk straight on for two glimpses, and ended."""
        start = np.arange(max(len(self.ids) - 2, 0))
        start = start[self.ids[start] == self.ids[start + 2]]
        seconds = self.times_s[start + 2] - self.times_s[start]
        start = start[seconds <= 1.5 * np.median(seconds)] if len(start) else start
        first, second = (self.feet[start + end] - self.feet[start + end - 1] for end in (1, 2))
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        start = start[(first * second).sum(axis=1) > _STRAIGHT * lengths]
        start = start[:: 1 + len(start) // _MAX_GLIMPSES]
        return start, start + 2


@dataclass(frozen=True, eq=False)
class People:
    """What a camera saw of people.

    Attributes:
        width: of the picture, pixels.
        height: of the picture, pixels.
        times_s: (N,) seconds, on a clock that all cameras share.
        ids: (N,) who; the same number in all cameras is the same person.
        boxes: (N, 4) xyxy pixels.
    """

    width: int
    height: int
    times_s: FloatArray
    ids: IntArray
    boxes: FloatArray

    @cached_property
    def feet(self) -> FloatArray:
        """(N, 2) points between the feet, from the middle of the picture, in picture widths."""
        x, y = self.boxes[:, [0, 2]].mean(axis=1), self.boxes[:, 3]
        return np.stack([x - self.width / 2, y - self.height / 2], axis=1) / self.width

    @cached_property
    def tall(self) -> FloatArray:
        """(N,) heights of the boxes, in picture widths."""
        heights: FloatArray = (self.boxes[:, 3] - self.boxes[:, 1]) / self.width
        return heights

    @cached_property
    def clear(self) -> BoolArray:
        """(N,) whether neither the border of the picture nor somebody else hides a part."""
        left, top, right, bottom = self.boxes.T
        wide, tall = right - left, bottom - top
        clear: BoolArray = (left > _BORDER * self.width) & (right < (1 - _BORDER) * self.width)
        clear &= (top > _BORDER * self.height) & (bottom < (1 - _BORDER) * self.height)
        clear &= (tall > _ASPECT[0] * wide) & (tall < _ASPECT[1] * wide)
        order = np.argsort(self.times_s, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(self.times_s[order])) + 1):
            b = self.boxes[rows]
            across = np.minimum(b[:, None, 2], b[:, 2]) - np.maximum(b[:, None, 0], b[:, 0])
            along = np.minimum(b[:, None, 3], b[:, 3]) - np.maximum(b[:, None, 1], b[:, 1])
            shared = np.maximum(across, 0) * np.maximum(along, 0)
            np.fill_diagonal(shared, 0)
            clear[rows] &= shared.max(axis=1, initial=0) <= _COVERED * (wide * tall)[rows]
        return clear

    def glimpses(self) -> Glimpses:
        """Cut the clear boxes of each person into windows, and return the medians of each."""
        window_s = max(_WINDOW_S, _LEAST_BOXES * self.every_s)
        rows = np.flatnonzero(self.clear)
        windows = ((self.times_s[rows] - self.times_s.min(initial=np.inf)) // window_s).astype(int)
        order = np.lexsort((windows, self.ids[rows]))
        rows, windows = rows[order], windows[order]
        changes = np.flatnonzero(np.diff(self.ids[rows]) | np.diff(windows)) + 1
        parts = [part for part in np.split(rows, changes) if len(part) >= _LEAST_BOXES]
        values = np.column_stack([self.ids, self.times_s, self.feet, self.tall])
        found = np.array([np.median(values[part], axis=0) for part in parts]).reshape(-1, 5)
        return Glimpses(found[:, 0].astype(np.int64), found[:, 1], found[:, 2:4], found[:, 4])

    @property
    def every_s(self) -> float:
        """Median time between frames with people, seconds."""
        steps = np.diff(np.unique(self.times_s))
        return float(np.median(steps)) if len(steps) else 0.0


def meetings(a: People, b: People, most: int) -> IntArray:
    """Return (2, K) rows of clear boxes of one person that two cameras took at the same time.

    The times differ by at most half of the second camera's interval. K is at most `most`.
    """
    apart_s = 0.5 * b.every_s + 1e-6
    found = [np.zeros((2, 0), np.int64)]
    for person in np.intersect1d(a.ids[a.clear], b.ids[b.clear]).tolist():
        rows_a, rows_b = (np.flatnonzero(one.clear & (one.ids == person)) for one in (a, b))
        rows_b = rows_b[np.argsort(b.times_s[rows_b], kind="stable")]
        times = b.times_s[rows_b]
        after = np.searchsorted(times, a.times_s[rows_a]).clip(0, len(times) - 1)
        before = np.maximum(after - 1, 0)
        gaps = np.abs(np.stack([times[before], times[after]]) - a.times_s[rows_a])
        nearest = rows_b[np.where(gaps[0] <= gaps[1], before, after)]
        same = gaps.min(axis=0) <= apart_s
        found.append(np.stack([rows_a[same], nearest[same]]))
    rows = np.concatenate(found, axis=1)
    return rows[:, :: 1 + rows.shape[1] // most]
