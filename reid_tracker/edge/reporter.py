"""Turns the tracks of one camera into messages about tracklets: new, updated, ended."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from reid_tracker.config import EdgeConfig, MatchConfig
from reid_tracker.edge.journal import Journal
from reid_tracker.match import GroundPlane
from reid_tracker.match.places.trails import GroundTrails
from reid_tracker.match.tracklets.prototypes import PrototypeMemory
from reid_tracker.match.tracklets.quality import checked_embeddings, qualities
from reid_tracker.match.tracklets.table import TrackletTable
from reid_tracker.transport import (
    EdgeMessage,
    Observation,
    Prototypes,
    TrackletMessage,
    new_boot_id,
)
from reid_tracker.transport.wire.embeddings import MOST_PROTOTYPES, MOST_VALUES
from reid_tracker.transport.wire.messages import EdgeState, TrackletState
from reid_tracker.types import ClockSource, FrameResult

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

_SLACK_S = 0.05
"""The tracker counts a track's age by its own sums: here it must not be over before."""

_LEAST_WEIGHT = 1e-3
_FARTHEST_M = 1e6


class MessageNumbers:
    """Numbers the messages of one start of one camera host.

    Args:
        edge: name of the host.

    Attributes:
        edge: name of the host.
        boot: text that no other start has.
    """

    def __init__(self, edge: str) -> None:
        self.edge, self.boot = edge, new_boot_id()
        self._numbers, self._of_host = itertools.count(), itertools.count()

    def next(self) -> int:
        """Return the number of the next message, which is to be sent before any later one."""
        return next(self._numbers)

    def host_status(self, state: EdgeState, reason: str = "") -> EdgeMessage:
        """Return a message about the host itself, which needs no place in the count."""
        return EdgeMessage(
            edge=self.edge,
            boot=self.boot,
            number=next(self._of_host),
            time_s=time.time(),
            state=state,
            reason=reason,
        )


class Reported(NamedTuple):
    """What the messages of all cameras of a run share.

    Attributes:
        encoder: fingerprint of the encoder's weights.
        dim: size of its embeddings.
        gone_s: the tracker gives up a track that was not seen for longer.
        edge: how often to tell.
        match: which looks are good enough, and how many are remembered.
        ground: where people stand on the floor, for cameras that it knows.
        picture_of: gives a JPEG file of a tracklet, by camera and track; None where there is none
            better than the one that it gave before.
    """

    encoder: str
    dim: int
    gone_s: float
    edge: EdgeConfig
    match: MatchConfig
    ground: GroundPlane = GroundPlane()
    picture_of: Callable[[str, int], bytes | None] = lambda camera, track: None


class TrackletReporter:
    """Watches the tracks of one camera; what it returns is to be sent in that order.

    Somebody is told of from the moment that enough good looks are there (`match.min_hits`), then
    again as long as they are seen, and once more when they are gone. Whoever never gives enough
    looks is not told of.

    Args:
        camera: name.
        numbers: of the messages, together with those of other cameras.
        settings: what all cameras share.
        first: added to the tracker's numbers, where an earlier tracker of this camera gave as many;
            after a long loss of the camera, too, all so far are added.

    Attributes:
        highest: largest number of a track so far.
    """

    def __init__(
        self, camera: str, numbers: MessageNumbers, settings: Reported, first: int = 0
    ) -> None:
        self._first = self.highest = first
        self._camera, self._numbers, self._settings = camera, numbers, settings
        spread = settings.match.thresholds().prototype_spread
        most = max(1, min(settings.match.prototypes, MOST_PROTOTYPES, MOST_VALUES // settings.dim))
        self._table = TrackletTable(PrototypeMemory(most, spread), GroundTrails())
        self._journal = Journal(settings.edge.observe_every_s)
        self._clock: ClockSource = "arrival"
        self._now_s = -np.inf

    @property
    def tracks(self) -> int:
        """People who are followed now, good enough to be told of or not."""
        return int(np.count_nonzero(self._table.alive))

    def update(
        self, result: FrameResult, time_s: float, clock: ClockSource
    ) -> list[TrackletMessage]:
        """Take a frame; return what is to be told now.

        Args:
            result: the frame, with looks.
            time_s: UTC seconds since 1970 at which it was taken, later than those before.
            clock: where that time comes from.

        Raises:
            InputError: the looks do not fit.
        """
        self._clock, self._now_s = clock, time_s
        self._observe(result, time_s)
        table, journal, config = self._table, self._journal, self._settings
        told = journal.told_s > -np.inf
        good = table.alive & (table.hits >= config.match.min_hits)
        waited = time_s - journal.told_s >= config.edge.report_every_s
        due = np.flatnonzero(good & (~told | waited) & (journal.fresh > 0))
        states: list[TrackletState] = ["update" if one else "new" for one in told[due]]
        messages = [self._message(*one, time_s) for one in zip(due.tolist(), states, strict=True)]
        gone = table.alive & (table.last_s < time_s - config.gone_s - _SLACK_S)
        return messages + self._end(np.flatnonzero(gone), time_s)

    def as_told(self, result: FrameResult, time_s: float) -> FrameResult:
        """Return a frame just taken with the numbers and the time that messages have of it."""
        tracks = replace(result.tracks, ids=result.tracks.ids + self._first)
        frame = replace(result.frame, captured_s=time_s)
        return replace(result, frame=frame, tracks=tracks)

    def no_frame_until(self, time_s: float) -> list[TrackletMessage]:
        """Note that no frame came until now; if that is too long, everybody is gone.

        Args:
            time_s: UTC seconds since 1970, by the clock of the frames.
        """
        if time_s - self._now_s <= self._settings.gone_s + _SLACK_S:
            return []
        # A tracker that gets no frames does not age: it may go on with a number that has ended.
        self._first = self.highest
        return self.finish()

    def finish(self) -> list[TrackletMessage]:
        """End all tracklets: no more frames come."""
        rows = np.flatnonzero(self._table.alive)
        return self._end(rows, float(self._table.last_s[rows].max(initial=0.0)))

    def _observe(self, result: FrameResult, time_s: float) -> None:
        """Take those who were seen; predicted boxes are nobody's sight."""
        config = self._settings
        tracks, match = result.tracks, config.match
        looks = checked_embeddings(tracks, result.embeddings, time_s, config.dim)
        worth = qualities(tracks, match.min_score, match.max_cover)
        seen = np.flatnonzero(tracks.observed)
        ids = tracks.ids[seen] + self._first
        self.highest = max(self.highest, int(ids.max(initial=0)))
        rows = self._table.rows_of(0, ids, time_s)
        self._journal.grow(len(self._table.alive))
        self._table.observe(rows, time_s, looks[seen], worth[seen])
        height, width = result.frame.image.shape[:2]
        boxes = tracks.boxes[seen]
        metres = config.ground.positions(self._camera, boxes)
        # The feet of a box that is partly hidden are not where its lower edge is.
        unknown = (worth[seen] <= 0) | ~(np.abs(metres) <= _FARTHEST_M).all(axis=1)
        metres[unknown] = np.nan
        parts = np.clip(boxes / np.array([width, height, width, height]), -1, 2)
        self._journal.add(rows, time_s, parts, metres)

    def _end(self, rows: IntArray, time_s: float) -> list[TrackletMessage]:
        table = self._table
        rows = rows[np.argsort(table.order[rows])]
        told = rows[self._journal.told_s[rows] > -np.inf].tolist()
        messages = [self._message(row, "end", time_s) for row in told]
        table.forget(rows)
        self._journal.clear(rows)
        return messages

    def _message(self, row: int, state: TrackletState, time_s: float) -> TrackletMessage:
        table, numbers = self._table, self._numbers
        frames = int(self._journal.frames[row])
        track = int(table.track[row])
        return TrackletMessage(
            edge=numbers.edge,
            boot=numbers.boot,
            edge_seq=numbers.next(),
            camera=self._camera,
            track=track,
            state=state,
            start_s=float(table.first_s[row]),
            end_s=float(table.last_s[row]),
            clock=self._clock,
            frames=frames,
            quality=min(float(table.quality[row] / table.hits[row]), 1.0),
            observations=_observations(self._journal.take(row, time_s)),
            prototypes=self._prototypes(row),
            picture=None if state == "update" else self._settings.picture_of(self._camera, track),
        )

    def _prototypes(self, row: int) -> Prototypes:
        looks, config = self._table.prototypes, self._settings
        vectors, weights = looks.vectors[row], looks.weights[row]
        # Looks that point against each other leave a mean without length, which is no look.
        taken = (weights >= _LEAST_WEIGHT) & (np.linalg.norm(vectors, axis=1) > 0.5)
        rows = vectors[taken].reshape(-1, config.dim)
        return Prototypes.of(config.encoder, rows, weights[taken].astype(np.float64))


def _observations(positions: FloatArray) -> tuple[Observation, ...]:
    return tuple(
        Observation(
            time_s=time_s,
            box=(left, top, right, bottom),
            foot=((left + right) / 2, bottom),
            world=None if np.isnan(x) else (x, y),
        )
        for time_s, left, top, right, bottom, x, y in positions.tolist()
    )
