"""The stages that match tracks with detections, in the order in which `DeepSort` runs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtri

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.geometry import cxcyah_to_xyxy, iou_matrix
from reid_tracker.track.assignment import assign
from reid_tracker.track.cascade import match_cascade
from reid_tracker.track.kalman import BoxKalmanFilter
from reid_tracker.track.memory import AppearanceMemory
from reid_tracker.track.observations import Observations
from reid_tracker.track.table import TrackTable
from reid_tracker.types import Embeddings

_MEASUREMENT_DIMENSIONS = 4
_CERTAIN_IOU = 0.75  # of a lone track with its detection
_NEAR_IOU = 0.2  # of people side by side, one of whom hides a third of the other
_ENOUGH = 10  # embeddings that a track needs to be known again, or split by `refine`
_TIME_SLACK_S = 1e-6  # tolerates rounding errors of summed times
_SAME_OBJECT_IOU = 0.7  # a detection of another class that lies on a track so closely is its object


@dataclass(frozen=True)
class Matches:
    """Rows of the track table and the detections of the frame that belong to them.

    Attributes:
        tracks: (K,) distinct rows of the track table.
        detections: (K,) distinct rows of the frame.
    """

    tracks: IntArray
    detections: IntArray

    @classmethod
    def none(cls) -> Matches:
        """Return no matches."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64))

    def joined(self, tracks: IntArray, detections: IntArray) -> Matches:
        """Return these matches and more."""
        return Matches(
            np.concatenate([self.tracks, tracks]), np.concatenate([self.detections, detections])
        )

    def free(self, count: int) -> IntArray:
        """Return which of `count` detections are not matched, in rising order."""
        taken = np.zeros(count, np.bool_)
        taken[self.detections] = True
        return np.flatnonzero(~taken)


class Stages:
    """The matching stages of one tracker, with its settings, motion model and memory."""

    def __init__(
        self, config: DeepSortConfig, motion: BoxKalmanFilter, memory: AppearanceMemory
    ) -> None:
        self._config = config
        self._high_confidence = config.thresholds().high_confidence
        self._max_cosine_distance = config.thresholds().max_cosine_distance
        self._motion = motion
        self._gate = float(chdtri(_MEASUREMENT_DIMENSIONS, 1 - config.gate_probability))
        self._memory = memory

    def same_class(self, tracks: TrackTable, frame: Observations) -> BoolArray:
        """Return (T, N) whether a track may take a detection, as far as their classes say.

        Detectors waver between classes: a detection of another class that lies almost exactly on a
        track is the same object.
        """
        same: BoolArray = tracks.classes[:, None] == frame.classes[None]
        if not same.all():
            same |= iou_matrix(cxcyah_to_xyxy(tracks.mean[..., 0]), frame.boxes) >= _SAME_OBJECT_IOU
        return same

    def certain(
        self, tracks: TrackTable, predicted: FloatArray, frame: Observations, now_s: float
    ) -> Matches:
        """Match tracks with detections that need no embedding.

        The two overlap each other and nobody else, and the track was seen in the last frame: nobody
        else can take the detection. The appearance memory needs no embedding either: it holds
        enough, the newest is younger than `encode_every_s`, or the detection is a weak one, of
        which nothing is remembered.

        Args:
            tracks: all tracks, not predicted yet.
            predicted: (T, 4) their xyxy boxes in this frame.
            frame: the detections.
            now_s: time of the frame.
        """
        every_s = self._config.encode_every_s
        if every_s is None:
            return Matches.none()
        fresh = now_s - tracks.described_s < every_s - _TIME_SLACK_S
        known = (fresh & (self._memory.count(tracks.slots) >= _ENOUGH))[:, None]
        overlap = iou_matrix(predicted, frame.boxes)
        near = overlap > _NEAR_IOU
        alone = (near.sum(axis=1) == 1)[:, None] & (near.sum(axis=0) == 1)
        followed = tracks.confirmed & (tracks.missed == 0)
        alone &= (followed & (now_s - tracks.seen_s <= self._config.max_age_s))[:, None]
        alone &= tracks.classes[:, None] == frame.classes
        alone &= known | (frame.scores < self._high_confidence)
        return Matches(*np.nonzero(alone & (overlap >= _CERTAIN_IOU)))

    def confident(self, tracks: TrackTable, frame: Observations, same_class: BoolArray) -> Matches:
        """Match confirmed tracks by appearance inside the motion gate.

        Equations 1 to 6 of DeepSORT (arXiv 1703.07402), with motion and appearance in one cost,
        each relative to its gate. With `cascade`, recently seen tracks choose first (listing 1).
        Otherwise all choose together, as in StrongSORT (arXiv 2202.13514, section 3.2): of two
        people who come out from behind something, each gets the track that looks like them, and
        not whoever was lost later the first that passes the gate. Then a track that was seen in the
        last frame may also take a detection that overlaps it outside its motion gate, as a box that
        somebody in front cuts: else a lost track, whose gate is wide, would take it.
        """
        confirmed = np.flatnonzero(tracks.confirmed)
        missed = tracks.missed[confirmed]
        ages = missed if self._config.cascade else np.ones_like(missed)
        motion = self._motion.squared_mahalanobis(
            tracks.mean[confirmed], tracks.covariance[confirmed], frame.measurements
        )
        allowed = motion <= self._gate
        embeddings = frame.embeddings
        if embeddings is not None and not self._config.cascade:
            seen = np.flatnonzero(missed == 1)
            predicted = cxcyah_to_xyxy(tracks.mean[confirmed[seen], :, 0])
            overlap = iou_matrix(predicted, frame.boxes)
            allowed[seen] |= overlap >= 1 - self._config.max_iou_distance
        allowed &= same_class[confirmed]
        ranked = np.minimum(motion / self._gate, 1)
        if embeddings is None:
            # The paper's combined cost with lambda = 1: motion alone ranks, as it gates.
            cost = np.where(allowed, ranked, np.inf)
            rows, columns = match_cascade(ages, allowed, lambda r, c: cost[np.ix_(r, c)], 1.0)
        else:
            slots = tracks.slots[confirmed]
            rows, columns = match_cascade(
                ages,
                allowed,
                lambda r, c: self._combined_cost(
                    slots[r], embeddings[c], ranked[np.ix_(r, c)], allowed[np.ix_(r, c)]
                ),
                1.0,
            )
        return Matches(confirmed[rows], columns)

    def overlapping(
        self, tracks: TrackTable, frame: Observations, same_class: BoolArray, matches: Matches
    ) -> Matches:
        """Match tentative tracks, and confirmed ones seen in the last frame, by IoU.

        With `gate_overlap`, a confident detection must also pass the appearance gate, so that a
        person who steps in front does not take the track of who is hidden (after BoT-SORT, arXiv
        2206.14651). A weak one, often half hidden, may look like the person in front of it.
        """
        candidate = ~tracks.confirmed | (tracks.missed == 1)
        candidate[matches.tracks] = False
        candidates = np.flatnonzero(candidate)
        free = matches.free(len(frame))
        predicted = cxcyah_to_xyxy(tracks.mean[candidates, :, 0])
        cost = 1 - iou_matrix(predicted, frame.boxes[free])
        cost[~same_class[np.ix_(candidates, free)]] = np.inf
        if self._config.gate_overlap and frame.embeddings is not None:
            looked_at = cost <= self._config.max_iou_distance
            looked_at &= frame.scores[free] >= self._high_confidence
            strange = self._looks_strange(
                tracks.slots[candidates], frame.embeddings[free], looked_at
            )
            cost[strange] = np.inf
        rows, columns = assign(cost, self._config.max_iou_distance)
        return matches.joined(candidates[rows], free[columns])

    def _looks_strange(
        self, slots: IntArray, embeddings: Embeddings, looked_at: BoolArray
    ) -> BoolArray:
        """Return the (S, N) pairs to look at whose appearances are known and too different."""
        described = np.linalg.norm(embeddings, axis=1) > 0
        comparable = self._memory.filled(slots)[:, None] & described[None] & looked_at
        distance = self._memory.distance(slots, embeddings, comparable)
        strange: BoolArray = comparable & (distance > self._max_cosine_distance)
        return strange

    def _combined_cost(
        self, slots: IntArray, embeddings: Embeddings, motion: FloatArray, allowed: BoolArray
    ) -> FloatArray:
        """Return the cost of equation 5 where both gates pass (equation 6), +inf elsewhere."""
        appearance = self._appearance_distance(slots, embeddings, allowed)
        weight = self._config.motion_weight
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
