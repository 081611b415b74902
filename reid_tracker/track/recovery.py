"""Gives people who were hidden or lost inside the image their old ids back.

The motion model says nothing about somebody who was hidden for long: its prediction has walked out
of the image, or its gate has become wider than that. So a track that has just been confirmed is
compared by appearance with those that are not in sight, as far from where they were last seen as a
person walks in the meantime (as re-activation in OC-SORT, arXiv 2203.14360, and connection in GTA,
arXiv 2411.08216, without a look into the future). A new track has a few embeddings by then, whose
mean is a surer description than one.
"""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.track.assignment import assign
from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.track.table import TrackTable

_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times
_REACH = 1.0  # heights that a person is away at once, and goes per second
_SIDE, _FOOT = 0.3, 0.1  # heights from the border at which people go out of the image
_BORDER_S = 5.0  # people last seen at the border have left after that long
_GROWTH = 1.0  # largest change of the logarithm of the height: boxes may be cut


class Recovery:
    """The people whom one tracker lost inside the image."""

    def __init__(self, config: DeepSortConfig, memory: AppearanceMemory) -> None:
        self._recover_s = config.recover_s
        self._n_init = config.n_init
        self._max_cosine_distance = config.thresholds().max_cosine_distance
        self._memory = memory
        self.lost = TrackTable.empty()

    def keep(self, expired: TrackTable) -> None:
        """Take tracks whose life ended; those without a known appearance are forgotten."""
        known = expired.confirmed & self._memory.filled(expired.slots)
        self._memory.release(expired.slots[~known])
        self.lost = self.lost.join(expired.select(known))

    def found(self, tracks: TrackTable, now_s: float, extent: FloatArray) -> TrackTable:
        """Return the tracks of a frame, where those that were confirmed in it may be lost ones.

        Such a track goes on with the id, the age and the memory of the lost or unseen one.

        Args:
            tracks: all tracks.
            now_s: time of the frame.
            extent: (2,) right and lower border of the image.
        """
        forgotten = now_s - self.lost.seen_s > self._recover_s + _TIME_SLACK_S
        if forgotten.any():
            self._memory.release(self.lost.slots[forgotten])
            self.lost = self.lost.select(~forgotten)
        fresh = np.flatnonzero(tracks.confirmed & (tracks.hits == self._n_init))
        if not self._recover_s or not len(fresh):
            return tracks
        unseen = tracks.confirmed & (tracks.missed > 0) & self._memory.filled(tracks.slots)
        away = self.lost.join(tracks.select(unseen))
        rows, columns = self._same_people(away, tracks.select(fresh), now_s, extent)
        if not len(rows):
            return tracks
        back, found = away.ids[rows], fresh[columns]
        self._memory.absorb(away.slots[rows], tracks.slots[found])
        self.lost = self.lost.select(~np.isin(self.lost.ids, back))
        going = ~np.isin(tracks.ids, back)
        tracks.ids[found] = back
        tracks.slots[found] = away.slots[rows]
        tracks.hits[found] += away.hits[rows]
        tracks.born_s[found] = away.born_s[rows]
        tracks = tracks.select(going)
        return tracks.select(np.argsort(tracks.ids))

    def _same_people(
        self, away: TrackTable, fresh: TrackTable, now_s: float, extent: FloatArray
    ) -> tuple[IntArray, IntArray]:
        """Return rows of tracks that are away and of fresh tracks that belong together."""
        centre, height = _places(away)
        there, tall = _places(fresh)
        apart = np.linalg.norm(centre[:, None] - there[None], axis=2)
        reach = _REACH * (1 + now_s - away.seen_s)[:, None] * np.maximum(height[:, None], tall)
        possible = (apart <= reach) & (np.abs(np.log(height[:, None] / tall)) <= _GROWTH)
        possible &= away.classes[:, None] == fresh.classes
        # Whoever was there before the other was lost is somebody else.
        possible &= away.seen_s[:, None] < fresh.born_s
        # Whoever comes in over the border may be anybody.
        possible[: len(self.lost)] &= ~at_border(fresh.measured, extent)
        # Whoever was last seen there has gone home, or stood hidden and turned round.
        gone = now_s - away.seen_s > _BORDER_S + _TIME_SLACK_S
        possible[gone & at_border(away.measured, extent)] = False
        cost = self._memory.distance(away.slots, self._memory.mean(fresh.slots), possible)
        return assign(np.where(possible, cost, np.inf), self._max_cosine_distance)


def at_border(boxes: FloatArray, extent: FloatArray) -> BoolArray:
    """Return whether people at (T, 4) xyxy boxes may come in, or go out, over the border."""
    height = boxes[:, 3] - boxes[:, 1]
    side, foot = _SIDE * height, _FOOT * height
    near: BoolArray = (boxes[:, 0] < side) | (boxes[:, 2] > extent[0] - side)
    near |= boxes[:, 3] > extent[1] - foot
    return near


def _places(tracks: TrackTable) -> tuple[FloatArray, FloatArray]:
    """Return (T, 2) centres and (T,) heights of the boxes that were seen last."""
    boxes = tracks.measured
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 3] - boxes[:, 1]
