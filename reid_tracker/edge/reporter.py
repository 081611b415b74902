"""Turns the tracks of one camera into messages about new, updated and ended tracklets."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.config import EdgeConfig, MatchConfig
from reid_tracker.edge.journal import Journal
from reid_tracker.edge.pictures import SmallPictures
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
from reid_tracker.transport.wire.embeddings import MAX_PROTOTYPES, MAX_VALUES
from reid_tracker.transport.wire.messages import EdgeState, TrackletState
from reid_tracker.types import ClockSource, FrameResult

_SLACK_S = 0.05
"""Tolerance of rounding errors: a track must not end here before it ends in the tracker."""

_MIN_WEIGHT = 1e-3
_FARTHEST_M = 1e6


class MessageNumbers:
    """Numbers the messages of one start of one camera host.

    Args:
        edge: name of the host.

    Attributes:
        edge: name of the host.
        boot: unique id of this start.
    """

    def __init__(self, edge: str) -> None:
        self.edge = edge
        self.boot = new_boot_id()
        self._numbers = itertools.count()
        self._host_numbers = itertools.count()

    def next(self) -> int:
        """Return the number of the next message; send messages in this order."""
        return next(self._numbers)

    def host_status(self, state: EdgeState, reason: str = "") -> EdgeMessage:
        """Return a message about the host itself; these have separate numbers."""
        return EdgeMessage(
            edge=self.edge,
            boot=self.boot,
            number=next(self._host_numbers),
            time_s=time.time(),
            state=state,
            reason=reason,
        )


class Reported(NamedTuple):
    """Settings of the messages, the same for all cameras of a run.

    Attributes:
        encoder: fingerprint of the encoder.
        dim: embedding size.
        gone_s: the tracker ends a track that was not detected for longer.
        edge: how often to send messages.
        match: which embeddings are good enough, and how many are kept.
        ground: positions on the ground plane, for calibrated cameras.
        pictures: collects the pictures to send; None sends no pictures.
    """

    encoder: str
    dim: int
    gone_s: float
    edge: EdgeConfig
    match: MatchConfig
    ground: GroundPlane = GroundPlane()
    pictures: SmallPictures | None = None


class TrackletReporter:
    """Turns the tracks of one camera into messages, to be sent in the returned order.

    A person is first reported after `match.min_hits` good embeddings, then at regular intervals
    while visible, and a last time after leaving. A person with fewer good embeddings is never
    reported.

    Args:
        camera: name of the camera.
        numbers: numbers the messages of all cameras.
        settings: settings of the messages.
        first: offset of track numbers: the highest number that an earlier tracker of this camera
            has used.

    Attributes:
        highest: highest track number so far.
    """

    def __init__(
        self, camera: str, numbers: MessageNumbers, settings: Reported, first: int = 0
    ) -> None:
        self._first = first
        self.highest = first
        self._camera = camera
        self._numbers = numbers
        self._settings = settings
        spread = settings.match.thresholds().prototype_spread
        most = max(1, min(settings.match.prototypes, MAX_PROTOTYPES, MAX_VALUES // settings.dim))
        self._table = TrackletTable(PrototypeMemory(most, spread), GroundTrails())
        self._journal = Journal(settings.edge.observe_every_s)
        self._clock: ClockSource = "arrival"
        self._now_s = -np.inf

    @property
    def tracks(self) -> int:
        """Number of currently tracked people, reported or not."""
        return int(np.count_nonzero(self._table.alive))

    def update(
        self, result: FrameResult, time_s: float, clock: ClockSource
    ) -> list[TrackletMessage]:
        """Process a frame; return the messages that are due.

        Args:
            result: the frame, with embeddings.
            time_s: when it was taken, UTC seconds since 1970, later than all earlier frames.
            clock: source of that time.

        Raises:
            InputError: the embeddings have a wrong shape or are missing.
        """
        self._clock = clock
        self._now_s = time_s
        self._observe(result, time_s)
        table, journal, config = self._table, self._journal, self._settings
        sent = journal.sent_s > -np.inf
        good = table.alive & (table.hits >= config.match.min_hits)
        waited = time_s - journal.sent_s >= config.edge.report_every_s
        due = np.flatnonzero(good & (~sent | waited) & (journal.fresh > 0))
        states: list[TrackletState] = ["update" if one else "new" for one in sent[due]]
        messages = [
            self._message(row, state, time_s)
            for row, state in zip(due.tolist(), states, strict=True)
        ]
        gone = table.alive & (table.last_s < time_s - config.gone_s - _SLACK_S)
        return messages + self._end(np.flatnonzero(gone), time_s)

    def renumbered(self, result: FrameResult, time_s: float) -> FrameResult:
        """Return the latest frame with the track numbers and the time of its messages."""
        tracks = replace(result.tracks, ids=result.tracks.ids + self._first)
        frame = replace(result.frame, captured_s=time_s)
        return replace(result, frame=frame, tracks=tracks)

    def no_frame_until(self, time_s: float) -> list[TrackletMessage]:
        """Record that no frame has come until `time_s`; end all tracklets if this takes too long.

        Args:
            time_s: UTC seconds since 1970, on the clock of the frames.
        """
        if time_s - self._now_s <= self._settings.gone_s + _SLACK_S:
            return []
        # A tracker without frames does not end its tracks and may later continue a number that
        # has ended here, so shift its numbers.
        self._first = self.highest
        return self.finish()

    def finish(self) -> list[TrackletMessage]:
        """End all tracklets, since no more frames will come."""
        rows = np.flatnonzero(self._table.alive)
        return self._end(rows, float(self._table.last_s[rows].max(initial=0.0)))

    def _observe(self, result: FrameResult, time_s: float) -> None:
        """Record the people detected in this frame; ignore predicted boxes."""
        config = self._settings
        tracks, match = result.tracks, config.match
        embeddings = checked_embeddings(tracks, result.embeddings, time_s, config.dim)
        quality = qualities(tracks, match.min_score, match.max_cover)
        seen = np.flatnonzero(tracks.observed)
        ids = tracks.ids[seen] + self._first
        self.highest = max(self.highest, int(ids.max(initial=0)))
        rows = self._table.rows_of(0, ids, time_s)
        self._journal.grow(len(self._table.alive))
        self._table.observe(rows, time_s, embeddings[seen], quality[seen])
        height, width = result.frame.image.shape[:2]
        boxes = tracks.boxes[seen]
        metres = config.ground.positions(self._camera, boxes)
        # The lower edge of a partly hidden box does not show the feet.
        unknown = (quality[seen] <= 0) | ~(np.abs(metres) <= _FARTHEST_M).all(axis=1)
        metres[unknown] = np.nan
        fractions = np.clip(boxes / np.array([width, height, width, height]), -1, 2)
        self._journal.add(rows, time_s, fractions, metres)

    def _end(self, rows: IntArray, time_s: float) -> list[TrackletMessage]:
        table = self._table
        rows = rows[np.argsort(table.order[rows])]
        reported = rows[self._journal.sent_s[rows] > -np.inf].tolist()
        messages = [self._message(row, "end", time_s) for row in reported]
        table.forget(rows)
        self._journal.clear(rows)
        return messages

    def _message(self, row: int, state: TrackletState, time_s: float) -> TrackletMessage:
        table, numbers = self._table, self._numbers
        frames = int(self._journal.frames[row])
        track = int(table.track[row])
        pictures = None if state == "update" else self._settings.pictures
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
            picture=None if pictures is None else pictures.take(self._camera, track),
        )

    def _prototypes(self, row: int) -> Prototypes:
        memory, config = self._table.prototypes, self._settings
        vectors, weights = memory.vectors[row], memory.weights[row]
        # The mean of opposite embeddings is close to zero and has no meaning.
        taken = (weights >= _MIN_WEIGHT) & (np.linalg.norm(vectors, axis=1) > 0.5)
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
