"""DeepSORT (arXiv 1703.07402) in named stages, with what later trackers added.

`DeepSort.update` runs the stages in order: predict, match confident and then overlapping
detections, correct, death, birth, recovery, report. Those that match are in `stages`, the choice of
detections that start tracks in `birth`, and the reported boxes in `report`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import InputError
from reid_tracker.geometry import cxcyah_to_xyxy
from reid_tracker.track.base import Asked, EncodeRows
from reid_tracker.track.birth import without_duplicates
from reid_tracker.track.kalman import BoxKalmanFilter
from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.track.observations import (
    Observations,
    checked_detections,
    checked_embeddings,
    checked_seconds,
    spread,
    usable,
)
from reid_tracker.track.occlusion import feet_hidden, slivers
from reid_tracker.track.recovery import Recovery
from reid_tracker.track.report import reported
from reid_tracker.track.stages import Matches, Stages
from reid_tracker.track.table import TrackTable
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks, check_image

if TYPE_CHECKING:
    from reid_tracker.track.camera_motion import CameraMotion, RecordedMotion

_log = logging.getLogger(__name__)
_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times


@dataclass(frozen=True)
class _Plan:
    """A frame before its update.

    Attributes:
        update: number of the update that it is for.
        detections: all of the frame.
        found: the usable ones.
        timestamp_s: time of the frame, if given.
        size: (width, height) of the picture, if given.
        certain: what is matched without an embedding.
        asked: (K,) rows of `found` that need one.
    """

    update: int
    detections: Detections
    found: Observations
    timestamp_s: float | None
    size: tuple[int, int] | None
    certain: Matches
    asked: IntArray


class DeepSort:
    """The tracker of one camera. Ids start at 1 and are never reused."""

    def __init__(
        self, config: DeepSortConfig | None = None, camera: RecordedMotion | None = None
    ) -> None:
        """Make a tracker; `config` defaults to `DeepSortConfig()`.

        Args:
            config: of the tracker.
            camera: the camera's motion if it is known already; None estimates it from the frames.
        """
        self.config = config or DeepSortConfig()
        thresholds = self.config.thresholds()
        self._min_confidence = thresholds.min_confidence
        self._high_confidence = thresholds.high_confidence
        self._max_cosine_distance = thresholds.max_cosine_distance
        self._filter = BoxKalmanFilter(
            self.config.std_weight_position,
            self.config.std_weight_velocity,
            self.config.std_weight_measurement,
        )
        self._busy = threading.Lock()
        self._camera: CameraMotion | RecordedMotion | None
        self.reset()
        self._camera = camera

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; a lock cannot be copied."""
        return {name: value for name, value in vars(self).items() if name != "_busy"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _busy=threading.Lock())

    def reset(self) -> None:
        """Delete all tracks and restart ids and time."""
        self._tracks = TrackTable.empty()
        self._memory = AppearanceMemory(self.config.nn_budget)
        self._stages = Stages(self.config, self._filter, self._memory)
        self._recovery = Recovery(self.config, self._memory)
        self._camera = None
        self._next_id = 1
        self._updates = 0
        self._now_s: float | None = None
        self._size: tuple[int, int] | None = None
        self._moved: list[FloatArray] = []  # how the picture moved since the last frame
        self._extent = np.zeros(2)  # right and bottom edge of the picture, as far as known

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | EncodeRows | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Take the next frame's detections; see `Tracker.update`."""
        with self._alone():
            # A refused call leaves the tracker as it was, so everything is checked first.
            detections = checked_detections(detections)
            if callable(embeddings):
                plan = self._plan(detections, None, timestamp_s, frame, selects=True)
                asked = plan.found.rows[plan.asked]
                return self._finish(plan, embeddings(asked) if len(asked) else None)
            size = self._memory.embedding_size
            given = checked_embeddings(embeddings, len(detections), size)
            return self._follow(self._plan(detections, given, timestamp_s, frame, selects=False))

    @property
    def selective(self) -> bool:
        """Whether `ask` may ask for less than all detections."""
        return self.config.encode_every_s is not None

    def ask(
        self,
        detections: Detections,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Asked:
        """Begin the update with a frame; see `AskingTracker.ask`."""
        with self._alone():
            detections = checked_detections(detections)
            plan = self._plan(detections, None, timestamp_s, frame, selects=True)

        def finish(embeddings: Embeddings) -> Tracks:
            with self._alone():
                return self._finish(plan, embeddings)

        return Asked(plan.found.rows[plan.asked], finish)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not self._busy.acquire(blocking=False):
            raise InputError(
                "two threads update one tracker at once: build a tracker for each camera"
            )
        try:
            yield
        finally:
            self._busy.release()

    def _plan(
        self,
        detections: Detections,
        given: Embeddings | None,
        timestamp_s: float | None,
        frame: ImageBGR | None,
        *,
        selects: bool,
    ) -> _Plan:
        """Lay out a frame, and match what needs no embedding if it `selects` those that do."""
        timestamp_s = checked_seconds(timestamp_s)
        size = None if frame is None else check_image(frame).shape[1::-1]
        found = usable(detections, given, self._min_confidence)
        motion = None if frame is None else self._camera_motion(frame, found.boxes)
        if motion is not None:
            self._moved.append(motion)
        certain = Matches.none()
        if selects:
            certain = self._certain(found, timestamp_s, size)
        return _Plan(
            update=self._updates,
            detections=detections,
            found=found,
            timestamp_s=timestamp_s,
            size=size,
            certain=certain,
            asked=certain.free(len(found)),
        )

    def _finish(self, plan: _Plan, embeddings: Any) -> Tracks:
        """Update with the embeddings that a plan asks for."""
        if plan.update != self._updates:
            raise InputError(
                "the tracker was updated after it asked for these embeddings: finish each frame "
                "before the next"
            )
        found = plan.found
        if len(plan.asked):
            size = self._memory.embedding_size
            rows = checked_embeddings(embeddings, len(plan.asked), size)
            if rows is not None:
                found = replace(found, embeddings=spread(rows, plan.asked, len(found)))
        return self._follow(replace(plan, found=found))

    def _follow(self, plan: _Plan) -> Tracks:
        """Run the stages; see the module."""
        found, certain = plan.found, plan.certain
        certain_ids = self._tracks.ids[certain.tracks]
        self._updates += 1
        self._follow_size(plan.size, plan.detections)
        first = self._now_s is None
        self._predict(plan.timestamp_s)
        self._follow_camera()
        self._leave()
        rows = np.searchsorted(self._tracks.ids, certain_ids)
        matches = self._match(found, Matches(rows, certain.detections))
        self._correct(matches, found)
        self._delete(~self._tracks.confirmed & (self._tracks.missed > 0))
        self._birth(matches, found, confirmed=first and self.config.confirm_first)
        self._remember(found)
        now_s = self._now_s or 0.0
        self._tracks = self._recovery.found(self._tracks, now_s, self._extent)
        return reported(self._tracks, now_s, self.config)

    def _camera_motion(self, frame: ImageBGR, people: FloatArray) -> FloatArray | None:
        """Return how the picture moved since the last frame, None if it did not."""
        if not self.config.camera_motion:
            return None
        if self._camera is None:
            # Trackers that get no pictures do without OpenCV.
            from reid_tracker.track.camera_motion import CameraMotion

            self._camera = CameraMotion()
        return self._camera.estimate(frame, people)

    def _follow_camera(self) -> None:
        """Move all tracks with the picture."""
        for motion in self._moved:
            self._tracks.mean, self._tracks.covariance = self._filter.moved(
                self._tracks.mean, self._tracks.covariance, motion
            )
            for table in (self._tracks, self._recovery.lost):
                corners = table.measured.reshape(-1, 2, 2)
                centre = corners.mean(axis=1)
                size = np.hypot(*motion[:, 0]) * (corners - centre[:, None])
                moved = centre @ motion[:, :2].T + motion[:, 2]
                table.measured = (moved[:, None] + size).reshape(-1, 4)
        self._moved.clear()

    def _certain(
        self, found: Observations, timestamp_s: float | None, size: tuple[int, int] | None
    ) -> Matches:
        """Match what needs no embedding; this changes nothing, since the encoder may fail."""
        resized = self._size is not None and size not in (None, self._size)
        if self._now_s is None or resized:
            return Matches.none()
        step_s = self._step_s(timestamp_s)
        state = self._tracks.mean.copy()
        state[..., 0] += step_s * self.config.nominal_rate * state[..., 1]
        for motion in self._moved:
            state, _ = self._filter.moved(state, self._tracks.covariance, motion)
        predicted = cxcyah_to_xyxy(state[..., 0])
        return self._stages.certain(self._tracks, predicted, found, self._now_s + step_s)

    def _match(self, found: Observations, certain: Matches) -> Matches:
        """Run the stages that match tracks with detections."""
        same_class = self._stages.same_class(self._tracks, found)
        same_class[certain.tracks] = False
        same_class[:, certain.detections] = False
        matches = self._stages.confident(self._tracks, found, same_class)
        now_s = self._now_s or 0.0
        matches = self._recovery.uncontested(self._tracks, matches, found, now_s, self._extent)
        matches = certain.joined(matches.tracks, matches.detections)
        return self._stages.overlapping(self._tracks, found, same_class, matches)

    def _follow_size(self, size: tuple[int, int] | None, detections: Detections) -> None:
        """Learn the (width, height) of the image, and scale all tracks if it has changed.

        Without an image, the image ends where the outermost detection so far ends.
        """
        if size is None:
            if self._size is None and len(detections):
                self._extent = np.maximum(self._extent, detections.boxes[:, 2:].max(axis=0))
            return
        if self._size is not None and self._size != size:
            x, y = size[0] / self._size[0], size[1] / self._size[1]
            factors = np.array([x, y, x / y, y])[:, None]  # centre, aspect, height
            self._tracks.mean = self._tracks.mean * factors
            self._tracks.covariance = self._tracks.covariance * factors**2
            for table in (self._tracks, self._recovery.lost):
                table.measured = table.measured * np.array([x, y, x, y])
        self._size, self._extent = size, np.array(size, np.float64)

    def _step_s(self, timestamp_s: float | None) -> float:
        """Return the time from the last frame to the next, a nominal frame if it is not known."""
        if timestamp_s is None or self._now_s is None or timestamp_s <= self._now_s:
            return 1 / self.config.nominal_rate
        return timestamp_s - self._now_s

    def _predict(self, timestamp_s: float | None) -> None:
        """End the life of expired tracks, and predict the others at the time of the new frame."""
        if self._now_s is None:
            self._now_s = 0.0 if timestamp_s is None else timestamp_s
            return
        step_s = self._step_s(timestamp_s)
        if timestamp_s is not None and timestamp_s <= self._now_s:
            _log.warning(
                "time went from %.3f s to %.3f s; assuming one nominal frame instead",
                self._now_s,
                timestamp_s,
            )
            # Keep the ages of tracks right on the new clock.
            back_s = self._now_s + step_s - timestamp_s
            for table in (self._tracks, self._recovery.lost):
                table.seen_s -= back_s
                table.born_s -= back_s
                table.described_s -= back_s
            self._now_s -= back_s
        self._now_s += step_s
        # Expired tracks are not predicted: a long pause would take them to infinity.
        expired = self._now_s - self._tracks.seen_s > self.config.max_age_s + _TIME_SLACK_S
        if expired.any():
            self._recovery.keep(self._tracks.select(expired))
            self._tracks = self._tracks.select(~expired)
        tracks = self._tracks
        if self.config.steady_size:
            tracks.mean[:, 2:, 1] = 0
        tracks.mean, tracks.covariance = self._filter.predict(
            tracks.mean, tracks.covariance, step_s * self.config.nominal_rate
        )
        tracks.missed += 1
        tracks.detection_index[:] = -1
        tracks.found[:] = -1

    def _correct(self, matches: Matches, found: Observations) -> None:
        """Correct each matched track with its detection."""
        tracks, rows, columns = self._tracks, matches.tracks, matches.detections
        measurements = self._whole_bodies(matches, found)
        tracks.mean[rows], tracks.covariance[rows] = self._filter.update(
            tracks.mean[rows], tracks.covariance[rows], measurements
        )
        tracks.measured[rows] = cxcyah_to_xyxy(measurements)
        tracks.hits[rows] += 1
        tracks.missed[rows] = 0
        tracks.seen_s[rows] = self._now_s
        tracks.scores[rows] = found.scores[columns]
        tracks.detection_index[rows] = found.rows[columns]
        tracks.found[rows] = columns
        tracks.confirmed |= tracks.hits >= self.config.n_init

    def _whole_bodies(self, matches: Matches, found: Observations) -> FloatArray:
        """Return the (K, 4) measurements of matched detections, where hidden feet are added.

        Somebody in front cuts the lower part off a detector's box, while the person is as tall as
        before. The head is seen, so the box keeps its top and gets the height of the track.
        """
        measurements = found.measurements[matches.detections]
        if not self.config.whole_below:
            return measurements
        tracks, rows = self._tracks, matches.tracks
        predicted = tracks.mean[rows, :, 0]
        cut = tracks.confirmed[rows] & (
            measurements[:, 3] < self.config.whole_below * predicted[:, 3]
        )
        boxes = found.boxes[matches.detections[cut]]
        cut[cut] = feet_hidden(boxes, found.boxes)
        top = found.boxes[matches.detections[cut], 1]
        measurements[cut, 1] = top + predicted[cut, 3] / 2
        measurements[cut, 2:] = predicted[cut, 2:]
        return measurements

    def _left(self) -> BoolArray:
        """Return the lost tracks whose predicted centre lies outside the image.

        With a long `max_age_s` they would take whoever comes in where they went out.
        """
        tracks = self._tracks
        centre = tracks.mean[:, :2, 0]
        outside = ((centre < 0) | (centre > self._extent)).any(axis=1)
        unseen_s = (self._now_s or 0.0) - tracks.seen_s
        # Right after a gap between frames, as of a camera that was away, nobody was missed yet.
        missed = (tracks.missed > 1) & (unseen_s > self.config.exit_s + _TIME_SLACK_S)
        left: BoolArray = outside & missed
        return left

    def _leave(self) -> None:
        """End the life of the tracks that left: their people may have turned round while hidden."""
        left = self._left()
        if left.any():
            self._recovery.keep(self._tracks.select(left))
            self._tracks = self._tracks.select(~left)

    def _delete(self, rows: BoolArray) -> None:
        """Delete the tracks where the (T,) mask is True."""
        if not rows.any():
            return
        self._memory.release(self._tracks.slots[rows])
        self._tracks = self._tracks.select(~rows)

    def _birth(self, matches: Matches, found: Observations, *, confirmed: bool) -> None:
        """Start a track for each confident detection that continues none."""
        new = matches.free(len(found))
        new = new[found.scores[new] >= self._high_confidence]
        new = without_duplicates(
            new,
            matches.detections,
            found,
            self.config.duplicate_cover,
            self._max_cosine_distance,
        )
        if len(new):
            self._start(new, found, confirmed)

    def _start(self, new: IntArray, found: Observations, confirmed: bool) -> None:
        """Start tracks with the detections in (K,) rows of the frame."""
        count = len(new)
        mean, covariance = self._filter.initiate(found.measurements[new])
        table = TrackTable(
            ids=np.arange(self._next_id, self._next_id + count),
            slots=self._memory.acquire(count),
            mean=mean,
            covariance=covariance,
            measured=found.boxes[new],
            hits=np.ones(count, np.int64),
            missed=np.zeros(count, np.int64),
            confirmed=np.full(count, confirmed or self.config.n_init == 1),
            born_s=np.full(count, self._now_s),
            seen_s=np.full(count, self._now_s),
            described_s=np.full(count, -np.inf),
            scores=found.scores[new],
            classes=found.classes[new],
            detection_index=found.rows[new],
            found=new,
        )
        self._next_id += count
        self._tracks = self._tracks.join(table)

    def _remember(self, found: Observations) -> None:
        """Store the embeddings of matched detections with a high confidence, but not of slivers.

        The embedding of a half-hidden person often shows the person in front. A single such row
        would keep the smallest distance to that other person small. What is left of people at the
        side of the picture looks like anybody who comes in there.
        """
        if found.embeddings is None:
            return
        tracks = self._tracks
        seen = (tracks.found >= 0) & (tracks.scores >= self._high_confidence)
        useful = found.embeddings.any(axis=1) & ~slivers(found.boxes, float(self._extent[0]))
        seen[seen] = useful[tracks.found[seen]]
        self._memory.append(tracks.slots[seen], found.embeddings[tracks.found[seen]])
        tracks.described_s[seen] = self._now_s
