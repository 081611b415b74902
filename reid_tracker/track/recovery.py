"""Gives people who were hidden or lost inside the image their old ids back.

The motion model says nothing about somebody who was hidden for long: its prediction has walked out
of the image, or its gate has become wider than that. So a track that has just been confirmed is
compared by appearance with those that are not in sight, as far from where they were last seen as a
person walks in the meantime (as re-activation in OC-SORT, arXiv 2203.14360, and connection in GTA,
arXiv 2411.08216, without a look into the future). A new track has a few embeddings by then, whose
mean is a surer description than one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.geometry import cxcyah_to_xyxy, iou_matrix
from reid_tracker.track.assignment import assign
from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.track.observations import Observations
from reid_tracker.track.stages import Matches
from reid_tracker.track.table import TrackTable

_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times
_REACH = 1.0  # heights that a person is away at once, and goes per second
_SIDE, _FOOT = 0.3, 0.1  # heights from the border at which people go out of the image
_BORDER_S = 5.0  # people last seen at the border have left after that long
_GROWTH = 1.0  # largest change of the logarithm of the height: boxes may be cut


class _Seen(NamedTuple):
    """People in sight: (F, 4) xyxy boxes, (F,) classes and the times since when they are."""

    boxes: FloatArray
    classes: IntArray
    born_s: FloatArray


class Recovery:
    """The people whom one tracker lost inside the image."""

    def __init__(self, config: DeepSortConfig, memory: AppearanceMemory) -> None:
        self._recover_s = config.recover_s
        self._n_init = config.n_init
        self._max_cosine_distance = config.thresholds().max_cosine_distance
        self._min_overlap = 1 - config.max_iou_distance
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
        away = self._away(tracks, np.flatnonzero(tracks.missed == 0))
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

    def uncontested(
        self,
        tracks: TrackTable,
        matches: Matches,
        frame: Observations,
        now_s: float,
        extent: FloatArray,
    ) -> Matches:
        """Return the matches without those of unseen tracks that somebody lost looks more like.

        A track that is unseen for a while may be anywhere, so its motion gate lets it take whoever
        comes into sight, while that person's own track is lost or looks for them elsewhere. Such a
        detection starts a track, whose mean embedding then decides. A detection that overlaps the
        track's predicted box is the track's: where people walk says more than one embedding.

        Args:
            tracks: all tracks.
            matches: of tracks and detections, by appearance.
            frame: the detections.
            now_s: time of the frame.
            extent: (2,) right and lower border of the image.
        """
        claims = np.flatnonzero(tracks.missed[matches.tracks] > 1)
        predicted = cxcyah_to_xyxy(tracks.mean[matches.tracks[claims], :, 0])
        overlap = np.diag(iou_matrix(predicted, frame.boxes[matches.detections[claims]]))
        claims = claims[overlap < self._min_overlap]
        if frame.embeddings is None or not self._recover_s or not len(claims):
            return matches
        away = self._away(tracks, matches.tracks)
        columns = matches.detections[claims]
        seen = _Seen(frame.boxes[columns], frame.classes[columns], np.full(len(claims), now_s))
        possible = self._possible(away, seen, now_s, extent)
        embeddings = frame.embeddings[columns]
        theirs = self._memory.distance(away.slots, embeddings, possible).min(axis=0, initial=1)
        slots = tracks.slots[matches.tracks[claims]]
        own = np.diag(self._memory.distance(slots, embeddings, np.eye(len(claims), dtype=np.bool_)))
        kept = np.ones(len(matches.tracks), np.bool_)
        kept[claims] = own <= theirs
        return Matches(matches.tracks[kept], matches.detections[kept])

    def _away(self, tracks: TrackTable, matched: IntArray) -> TrackTable:
        """Return the lost people, then those whose tracks are not `matched` in this frame."""
        unseen = tracks.confirmed & self._memory.filled(tracks.slots)
        unseen[matched] = False
        return self.lost.join(tracks.select(unseen))

    def _same_people(
        self, away: TrackTable, fresh: TrackTable, now_s: float, extent: FloatArray
    ) -> tuple[IntArray, IntArray]:
        """Return rows of tracks that are away and of fresh tracks that belong together."""
        seen = _Seen(fresh.measured, fresh.classes, fresh.born_s)
        possible = self._possible(away, seen, now_s, extent)
        cost = self._memory.distance(away.slots, self._memory.mean(fresh.slots), possible)
        return assign(np.where(possible, cost, np.inf), self._max_cosine_distance)

    def _possible(
        self, away: TrackTable, seen: _Seen, now_s: float, extent: FloatArray
    ) -> BoolArray:
        """Return (A, F) whether a track that is away may be the person seen, by place and time."""
        centre, height = _places(away.measured)
        there, tall = _places(seen.boxes)
        apart = np.linalg.norm(centre[:, None] - there[None], axis=2)
        unseen_s = now_s - away.seen_s
        reach = _REACH * (1 + unseen_s)[:, None] * np.maximum(height[:, None], tall)
        possible: BoolArray = (apart <= reach) & (np.abs(np.log(height[:, None] / tall)) <= _GROWTH)
        possible &= away.classes[:, None] == seen.classes
        # Whoever was there before the other was lost is somebody else.
        possible &= away.seen_s[:, None] < seen.born_s
        # Whoever comes in over the border may be anybody.
        possible[: len(self.lost)] &= ~at_border(seen.boxes, extent)
        # Whoever was last seen there has gone home, or stood hidden and turned round.
        gone = unseen_s > _BORDER_S + _TIME_SLACK_S
        possible[gone & at_border(away.measured, extent)] = False
        return possible


def at_border(boxes: FloatArray, extent: FloatArray) -> BoolArray:
    """Return whether people at (T, 4) xyxy boxes may come in, or go out, over the border."""
    height = boxes[:, 3] - boxes[:, 1]
    side, foot = _SIDE * height, _FOOT * height
    near: BoolArray = (boxes[:, 0] < side) | (boxes[:, 2] > extent[0] - side)
    near |= boxes[:, 3] > extent[1] - foot
    return near


def _places(boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return (T, 2) centres and (T,) heights."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 3] - boxes[:, 1]
