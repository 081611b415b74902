"""DeepSORT: motion and appearance, combined in a matching cascade (arXiv 1703.07402).

For each frame: predict all tracks; match confirmed tracks by appearance inside the motion gate,
recently seen tracks first; match the rest by IoU; correct, delete and start tracks.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from scipy.special import chdtri

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray, to_array
from reid_tracker.config import DeepSortConfig
from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.geometry import cover_matrix, cxcyah_to_xyxy, iou_matrix, xyxy_to_cxcyah
from reid_tracker.track.assignment import assign
from reid_tracker.track.cascade import match_cascade
from reid_tracker.track.kalman import BoxKalmanFilter
from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.track.table import TrackTable
from reid_tracker.types import Detections, Embeddings, ImageBGR, Tracks, check_image

_log = logging.getLogger(__name__)
_MEASUREMENT_DIMENSIONS = 4
_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times
_LATEST_S = 1e11  # the year 5138; larger numbers are milliseconds or nanoseconds
_SAME_OBJECT_IOU = 0.7  # a detection of another class that lies on a track so closely is its object
_SAME_HEAD = 0.1  # two boxes of one person share the top edge, to this part of the lower height


class DeepSort:
    """The tracker of one camera. Ids start at 1 and are never reused."""

    def __init__(self, config: DeepSortConfig | None = None) -> None:
        """Make a tracker; `config` defaults to `DeepSortConfig()`."""
        self.config = config or DeepSortConfig()
        thresholds = self.config.thresholds()
        self._min_confidence = thresholds.min_confidence
        self._high_confidence = thresholds.high_confidence
        self._max_cosine_distance = thresholds.max_cosine_distance
        self._filter = BoxKalmanFilter(
            self.config.std_weight_position, self.config.std_weight_velocity
        )
        self._gate = float(chdtri(_MEASUREMENT_DIMENSIONS, 1 - self.config.gate_probability))
        self.reset()

    def reset(self) -> None:
        """Delete all tracks and restart ids and time."""
        self._tracks = TrackTable.empty()
        self._memory = AppearanceMemory(self.config.nn_budget)
        self._next_id = 1
        self._now_s: float | None = None
        self._size: tuple[int, int] | None = None
        self._extent = np.zeros(2)  # right and bottom edge of the picture, as far as known

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | None = None,
        timestamp_s: float | None = None,
        frame: ImageBGR | None = None,
    ) -> Tracks:
        """Take the next frame's detections; see `Tracker.update`. `frame` only gives the size."""
        # A refused call leaves the tracker as it was, so everything is checked first.
        detections = _detections(detections)
        embeddings = self._check_embeddings(embeddings, len(detections))
        timestamp_s = _seconds(timestamp_s)
        size = None if frame is None else check_image(frame).shape[1::-1]
        self._follow_size(size, detections)
        self._predict(timestamp_s)
        self._delete(self._left())
        usable = np.flatnonzero(
            (detections.scores >= self._min_confidence)
            & (detections.boxes[:, 2:] > detections.boxes[:, :2]).all(axis=1)
        )
        boxes = detections.boxes[usable].astype(np.float64)
        measurements = xyxy_to_cxcyah(boxes)
        usable_embeddings = None if embeddings is None else embeddings[usable]
        same_class = self._same_class(boxes, detections.classes[usable])
        rows, columns = self._match(boxes, measurements, usable_embeddings, same_class)
        self._correct(rows, usable[columns], measurements[columns], detections)
        self._delete(~self._tracks.confirmed & (self._tracks.missed > 0))
        new = np.setdiff1d(np.arange(len(usable)), columns, assume_unique=True)
        new = new[detections.scores[usable[new]] >= self._high_confidence]
        new = self._without_duplicates(new, columns, usable, detections, usable_embeddings)
        self._start(usable[new], measurements[new], detections)
        self._remember(embeddings)
        return self._report()

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
        self._size, self._extent = size, np.array(size, np.float64)

    def _check_embeddings(self, embeddings: Embeddings | None, count: int) -> Embeddings | None:
        """Validate (N, D) embeddings and normalise their rows."""
        if embeddings is None:
            return None
        embeddings = to_array(embeddings, np.float32, "embeddings")
        if count == 0 and embeddings.size == 0:
            return None
        if embeddings.ndim != 2 or len(embeddings) != count:
            raise InputError(
                f"embeddings have shape {embeddings.shape}, expected ({count}, D): one row "
                "per detection"
            )
        size = self._memory.embedding_size
        if size is not None and count and embeddings.shape[1] != size:
            raise InputError(
                f"embeddings have {embeddings.shape[1]} columns, this tracker has seen {size}; "
                "call reset() before changing the encoder"
            )
        if not np.isfinite(embeddings).all():
            raise InputError("embeddings hold NaN or infinite values")
        length = np.linalg.norm(embeddings.astype(np.float64), axis=1, keepdims=True)
        return (embeddings / np.where(length > 0, length, 1)).astype(np.float32)

    def _predict(self, timestamp_s: float | None) -> None:
        """Delete expired tracks, and predict the others at the time of the new frame."""
        nominal_s = 1 / self.config.nominal_rate
        if self._now_s is None:
            self._now_s = 0.0 if timestamp_s is None else timestamp_s
            return
        step_s = nominal_s if timestamp_s is None else timestamp_s - self._now_s
        if step_s <= 0:
            _log.warning(
                "time went from %.3f s to %.3f s; assuming one nominal frame instead",
                self._now_s,
                timestamp_s,
            )
            # Keep the ages of tracks right on the new clock.
            self._tracks.seen_s += step_s - nominal_s
            self._tracks.born_s += step_s - nominal_s
            self._now_s += step_s - nominal_s
            step_s = nominal_s
        self._now_s += step_s
        # Expired tracks are not predicted: a long pause would take them to infinity.
        unseen_s = self._now_s - self._tracks.seen_s
        self._delete(unseen_s > self.config.max_age_s + _TIME_SLACK_S)
        tracks = self._tracks
        tracks.mean, tracks.covariance = self._filter.predict(
            tracks.mean, tracks.covariance, step_s * self.config.nominal_rate
        )
        tracks.missed += 1
        tracks.detection_index[:] = -1

    def _match(
        self,
        boxes: FloatArray,
        measurements: FloatArray,
        embeddings: Embeddings | None,
        same_class: BoolArray,
    ) -> tuple[IntArray, IntArray]:
        """Return the matched rows of the track table and their detections."""
        tracks = self._tracks
        confirmed = np.flatnonzero(tracks.confirmed)
        motion = self._filter.squared_mahalanobis(
            tracks.mean[confirmed], tracks.covariance[confirmed], measurements
        )
        allowed = (motion <= self._gate) & same_class[confirmed]
        ranked = motion / self._gate
        if embeddings is None:
            # The paper's combined cost with lambda = 1: motion alone ranks, as it gates.
            rows, columns = match_cascade(
                tracks.missed[confirmed], allowed, lambda r, c: ranked[np.ix_(r, c)], 1.0
            )
        else:
            slots = tracks.slots[confirmed]
            rows, columns = match_cascade(
                tracks.missed[confirmed],
                allowed,
                lambda r, c: self._combined_cost(
                    slots[r], embeddings[c], ranked[np.ix_(r, c)], allowed[np.ix_(r, c)]
                ),
                1.0,
            )
        rows = confirmed[rows]
        return self._match_by_iou(boxes, rows, columns, same_class)

    def _combined_cost(
        self, slots: IntArray, embeddings: Embeddings, motion: FloatArray, allowed: BoolArray
    ) -> FloatArray:
        """Return the cost of equation 5 where both gates pass (equation 6), +inf elsewhere."""
        appearance = self._appearance_distance(slots, embeddings, allowed)
        weight = self.config.motion_weight
        cost = weight * motion + (1 - weight) * appearance
        cost[~allowed | (appearance > self._max_cosine_distance)] = np.inf
        return cost

    def _appearance_distance(
        self, slots: IntArray, embeddings: Embeddings, allowed: BoolArray
    ) -> Float32Array:
        """Return the smallest cosine distance of each allowed pair, 1 elsewhere.

        A pair without competitors only has to pass the gate. If it passes with the newest
        embedding, it gets that distance, which saves reading the whole memory of the track.
        """
        lone = allowed & (allowed.sum(axis=1) == 1)[:, None] & (allowed.sum(axis=0) == 1)
        rows, columns = np.nonzero(lone)
        upper_bound = self._memory.latest_distance(slots[rows], embeddings[columns])
        passes = upper_bound <= self._max_cosine_distance
        rows, columns = rows[passes], columns[passes]
        open_pairs = allowed.copy()
        open_pairs[rows, columns] = False
        distance = self._memory.distance(slots, embeddings, open_pairs)
        distance[rows, columns] = upper_bound[passes]
        return distance

    def _match_by_iou(
        self, boxes: FloatArray, rows: IntArray, columns: IntArray, same_class: BoolArray
    ) -> tuple[IntArray, IntArray]:
        """Match tentative tracks, and confirmed tracks seen in the last frame, by IoU."""
        tracks = self._tracks
        candidate = ~tracks.confirmed | (tracks.missed == 1)
        candidate[rows] = False
        candidates = np.flatnonzero(candidate)
        free = np.setdiff1d(np.arange(len(boxes)), columns, assume_unique=True)
        predicted = cxcyah_to_xyxy(tracks.mean[candidates, :, 0])
        cost = 1 - iou_matrix(predicted, boxes[free])
        cost[~same_class[np.ix_(candidates, free)]] = np.inf
        more_rows, more_columns = assign(cost, self.config.max_iou_distance)
        return (
            np.concatenate([rows, candidates[more_rows]]),
            np.concatenate([columns, free[more_columns]]),
        )

    def _correct(
        self,
        rows: IntArray,
        detection_index: IntArray,
        measurements: FloatArray,
        detections: Detections,
    ) -> None:
        """Correct each matched track with its detection."""
        tracks = self._tracks
        tracks.mean[rows], tracks.covariance[rows] = self._filter.update(
            tracks.mean[rows], tracks.covariance[rows], measurements
        )
        tracks.hits[rows] += 1
        tracks.missed[rows] = 0
        tracks.seen_s[rows] = self._now_s
        tracks.scores[rows] = detections.scores[detection_index]
        tracks.detection_index[rows] = detection_index
        tracks.confirmed |= tracks.hits >= self.config.n_init

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

    def _same_class(self, boxes: FloatArray, classes: IntArray) -> BoolArray:
        """Return (T, N) whether a track may take a detection, as far as their classes say.

        Detectors waver between classes: a detection of another class that lies almost exactly on a
        track is the same object.
        """
        same: BoolArray = self._tracks.classes[:, None] == classes[None]
        if not same.all():
            predicted = cxcyah_to_xyxy(self._tracks.mean[..., 0])
            same |= iou_matrix(predicted, boxes) >= _SAME_OBJECT_IOU
        return same

    def _without_duplicates(
        self,
        new: IntArray,
        taken: IntArray,
        usable: IntArray,
        detections: Detections,
        embeddings: Embeddings | None,
    ) -> IntArray:
        """Return the rows of `new` that are not a second, nested box of a person.

        A detector often finds the upper body inside the whole person. Of two boxes of one class,
        one inside the other, the new one is a duplicate if both have the same head (top edge) or
        look the same. `new` and `taken` are rows of `usable`, which are rows of `detections`.
        """
        if self.config.duplicate_cover >= 1 or not len(new):
            return new
        # Tracked boxes come first, then the more confident ones.
        order = new[np.argsort(-detections.scores[usable[new]], kind="stable")]
        rows = np.concatenate([taken, order])
        boxes = detections.boxes[usable[rows]].astype(np.float64)
        classes = detections.classes[usable[rows]]
        heights = boxes[:, 3] - boxes[:, 1]
        low = np.minimum(heights[:, None], heights[None])
        same = np.abs(boxes[:, None, 1] - boxes[None, :, 1]) <= _SAME_HEAD * low
        if embeddings is not None:
            cosine = embeddings[rows] @ embeddings[rows].T
            same |= (1 - cosine <= self._max_cosine_distance) & (cosine > 0)
        nested = cover_matrix(boxes) > self.config.duplicate_cover
        pairs = np.triu(nested & same & (classes[:, None] == classes[None]), k=1)
        kept = np.ones(len(rows), np.bool_)
        for column in range(len(taken), len(rows)):
            kept[column] = not (pairs[:, column] & kept).any()
        return np.sort(rows[len(taken) :][kept[len(taken) :]])

    def _delete(self, rows: BoolArray) -> None:
        """Delete the tracks where the (T,) mask is True."""
        self._memory.release(self._tracks.slots[rows])
        self._tracks = self._tracks.select(~rows)

    def _start(
        self, detection_index: IntArray, measurements: FloatArray, detections: Detections
    ) -> None:
        """Start a tentative track for each unmatched detection."""
        count = len(detection_index)
        mean, covariance = self._filter.initiate(measurements)
        new = TrackTable(
            ids=np.arange(self._next_id, self._next_id + count),
            slots=self._memory.acquire(count),
            mean=mean,
            covariance=covariance,
            hits=np.ones(count, np.int64),
            missed=np.zeros(count, np.int64),
            confirmed=np.full(count, self.config.n_init == 1),
            born_s=np.full(count, self._now_s),
            seen_s=np.full(count, self._now_s),
            scores=detections.scores[detection_index],
            classes=detections.classes[detection_index],
            detection_index=detection_index,
        )
        self._next_id += count
        self._tracks = self._tracks.join(new)

    def _remember(self, embeddings: Embeddings | None) -> None:
        """Store the embeddings of matched detections with a high confidence.

        The embedding of a half-hidden person often shows the person in front. A single such row
        would keep the smallest distance to that other person small.
        """
        if embeddings is None:
            return
        seen = (self._tracks.detection_index >= 0) & (self._tracks.scores >= self._high_confidence)
        self._memory.append(
            self._tracks.slots[seen], embeddings[self._tracks.detection_index[seen]]
        )

    def _report(self) -> Tracks:
        """Return the confirmed tracks that are matched in this frame or still coast."""
        tracks = self._tracks
        now_s = self._now_s or 0.0
        unseen_s = now_s - tracks.seen_s
        coasting = (tracks.missed > 0) & (unseen_s <= self.config.coast_s + _TIME_SLACK_S)
        shown = tracks.select(tracks.confirmed & ((tracks.missed == 0) | coasting))
        state = shown.mean[..., 0]
        # The extrapolated size of a shrinking box may fall below zero.
        state[:, 2:] = np.maximum(state[:, 2:], 0)
        return Tracks(
            ids=shown.ids,
            boxes=cxcyah_to_xyxy(state).astype(np.float32),
            scores=shown.scores,
            classes=shown.classes,
            ages_s=now_s - shown.born_s,
            observed=shown.missed == 0,
            detection_index=shown.detection_index,
        )


def _detections(found: Any) -> Detections:
    return found if isinstance(found, Detections) else Detections(found)


def _seconds(timestamp_s: Any) -> float | None:
    """Return a timestamp as a float.

    Raises:
        InputError: it is not a number, or is in other units than seconds.
    """
    if timestamp_s is None:
        return None
    try:
        seconds = to_array(timestamp_s, np.float64, "timestamp_s")
    except InputError:
        seconds = np.array(np.nan)
    if seconds.ndim or not abs(seconds) <= _LATEST_S:
        raise InputError(f"timestamp_s = {shown(timestamp_s)}: expected seconds, a finite number")
    return float(seconds)
