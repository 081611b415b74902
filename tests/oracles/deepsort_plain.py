"""DeepSORT in plain loops over Python objects, to be read with the paper (arXiv 1703.07402).

The options have the names and meanings of `reid_tracker.config.DeepSortConfig`. What goes beyond
the paper: a combined cost relative to the gates, two confidence thresholds, ages in seconds,
missing frames, which are stepped over one nominal frame at a time, tracks that leave the image,
people who were lost and come back, classes, no second track for a nested box of one person, the
appearance gate in the overlap stage, a confirmed first frame, hidden feet, hidden people, and a
reported box between two.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2

from reid_tracker.types import Detections, Embeddings
from tests.oracles.kalman_dense import DenseKalmanFilter

Array = npt.NDArray[np.float64]
Pairs = list[tuple[int, int]]

_JUST_ABOVE = 1e-5
_ROUNDING_S = 1e-6


@dataclass(frozen=True)
class PlainOptions:
    min_confidence: float = 0.3
    high_confidence: float = 0.65
    max_cosine_distance: float = 0.3
    motion_weight: float = 0.05
    cascade: bool = False
    max_iou_distance: float = 0.8
    gate_overlap: bool = True
    camera_motion: bool = False  # this tracker sees no frames
    gate_probability: float = 0.95
    nn_budget: int = 100
    encode: str = "auto"  # this tracker gets all embeddings
    n_init: int = 3
    confirm_first: bool = True
    max_age_s: float = 5.0
    recover_s: float = 30.0
    steady_size: bool = True
    exit_s: float = 0.5
    duplicate_cover: float = 0.85
    whole_below: float = 0.9
    coast_s: float = 0.0
    hidden_s: float = 0.7
    matched_weight: float = 0.3
    nominal_rate: float = 30.0
    std_weight_position: float = 1 / 20
    std_weight_velocity: float = 1 / 160
    std_weight_measurement: float = 0.15


@dataclass
class PlainTrack:
    id: int
    mean: Array
    covariance: Array
    born_s: float
    seen_s: float
    score: float
    class_number: int
    detection: int
    features: deque[Array]
    confirmed: bool
    measured: Sequence[float]
    hits: int = 1
    missed: int = 0

    def box(self) -> tuple[float, float, float, float]:
        x, y, aspect, height = self.mean[:4]
        height = max(height, 0.0)
        width = max(aspect, 0.0) * height
        return (x - width / 2, y - height / 2, x + width / 2, y + height / 2)


@dataclass(frozen=True)
class PlainDetection:
    row: int
    box: tuple[float, float, float, float]
    score: np.float32
    class_number: int
    feature: Array | None
    measurement: Array = field(init=False)

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box
        width, height = right - left, bottom - top
        measurement = np.array([(left + right) / 2, (top + bottom) / 2, width / height, height])
        object.__setattr__(self, "measurement", measurement)


@dataclass(frozen=True)
class PlainReport:
    """One reported track of one frame."""

    id: int
    box: tuple[float, float, float, float]
    score: float
    class_number: int
    age_s: float
    observed: bool
    detection_index: int


def match_within_gate(cost: Array, max_cost: float) -> Pairs:
    """Minimum-cost matching; pairs above the gate all cost the same and are then dropped."""
    rows, columns = linear_sum_assignment(np.where(cost <= max_cost, cost, max_cost + _JUST_ABOVE))
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] <= max_cost]


def cascade(ages: Sequence[int], cost: Array, max_cost: float) -> Pairs:
    """Listing 1 of the paper: tracks of age 1 choose first, then those of age 2, and so on."""
    matches: Pairs = []
    free = list(range(cost.shape[1]))
    for age in range(1, max(ages, default=0) + 1):
        group = [track for track, its_age in enumerate(ages) if its_age == age]
        if not group or not free:
            continue
        for row, column in match_within_gate(cost[np.ix_(group, free)], max_cost):
            matches.append((group[row], free[column]))
        taken = {detection for _, detection in matches}
        free = [detection for detection in free if detection not in taken]
    return sorted(matches)


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Intersection over union of two xyxy boxes."""
    width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
    height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
    shared = width * height
    union = _area(a) + _area(b) - shared
    return shared / union if union > 0 else 0.0


def _area(box: Sequence[float]) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


class PlainDeepSort:
    def __init__(self, options: PlainOptions) -> None:
        self.options = options
        self.filter = DenseKalmanFilter(
            options.std_weight_position,
            options.std_weight_velocity,
            options.std_weight_measurement,
        )
        self.gate = float(chi2.ppf(options.gate_probability, 4))
        self.tracks: list[PlainTrack] = []
        self.lost: list[PlainTrack] = []
        self.next_id = 1
        self.now_s: float | None = None
        self.right = self.bottom = 0.0

    def update(
        self,
        detections: Detections,
        embeddings: Embeddings | None = None,
        timestamp_s: float | None = None,
    ) -> list[PlainReport]:
        for box in detections.boxes:
            self.right, self.bottom = (
                max(self.right, float(box[2])),
                max(self.bottom, float(box[3])),
            )
        first = self.now_s is None
        self.move_to(timestamp_s)
        self.delete_too_old()
        usable = self.usable(detections, embeddings)

        matches = self.match_by_motion_and_appearance(usable, embeddings is not None)
        matches += self.match_by_overlap(usable, matches)
        for track, detection in matches:
            self.correct(track, detection, usable)

        self.tracks = [t for t in self.tracks if t.confirmed or t.missed == 0]
        taken = {detection.row for _, detection in matches}
        present = [detection for _, detection in matches]
        new = [d for d in usable if d.row not in taken and self.is_confident(d)]
        started = []
        for detection in sorted(new, key=lambda d: -d.score):
            if not any(self.is_duplicate(detection, other) for other in present):
                present.append(detection)
                started.append(detection)
        for detection in sorted(started, key=lambda d: d.row):
            self.start(detection, confirmed=first and self.options.confirm_first)
        self.recover()
        return self.report()

    def recover(self) -> None:
        """Tracks confirmed in this frame continue those not in sight who look alike."""
        limit_s = self.options.recover_s + _ROUNDING_S
        self.lost = [t for t in self.lost if self.time() - t.seen_s <= limit_s]
        fresh = [t for t in self.tracks if t.confirmed and t.hits == self.options.n_init]
        if not self.options.recover_s:
            return
        away = self.lost + [t for t in self.tracks if t.confirmed and t.missed and t.features]
        cost = np.full((len(away), len(fresh)), np.inf)
        for i, old in enumerate(away):
            for j, new in enumerate(fresh):
                came_in = i < len(self.lost) and self.at_border(new.measured)
                if new.features and self.may_be(old, new) and not came_in:
                    mean = np.mean(new.features, axis=0)
                    mean = mean / np.sqrt(mean @ mean)
                    cost[i, j] = min([1.0] + [1 - float(mean @ other) for other in old.features])
        pairs = match_within_gate(cost, self.options.max_cosine_distance)
        for old, new in [(away[i], fresh[j]) for i, j in pairs]:
            self.lost = [track for track in self.lost if track is not old]
            self.tracks = [track for track in self.tracks if track is not old]
            new.id, new.born_s, new.hits = old.id, old.born_s, old.hits + new.hits
            new.features = deque([*old.features, *new.features], self.options.nn_budget)
        self.tracks.sort(key=lambda track: track.id)

    def may_be(self, old: PlainTrack, new: PlainTrack) -> bool:
        """Whether a person can have walked from the last box of one track to that of another."""
        a, b = old.measured, new.measured
        tall = max(a[3] - a[1], b[3] - b[1])
        apart = np.hypot(a[0] + a[2] - b[0] - b[2], a[1] + a[3] - b[1] - b[3]) / 2
        return bool(
            old.class_number == new.class_number
            and old.seen_s < new.born_s
            and (self.time() - old.seen_s <= 5.0 + _ROUNDING_S or not self.at_border(old.measured))
            and apart <= tall * (1 + self.time() - old.seen_s)
            and abs(np.log((a[3] - a[1]) / (b[3] - b[1]))) <= 1.0
        )

    def is_duplicate(self, detection: PlainDetection, other: PlainDetection) -> bool:
        """Whether both are boxes of one person, one inside the other."""
        a, b = detection.box, other.box
        width = max(min(a[2], b[2]) - max(a[0], b[0]), 0.0)
        height = max(min(a[3], b[3]) - max(a[1], b[1]), 0.0)
        nested = width * height > self.options.duplicate_cover * min(_area(a), _area(b))
        same = abs(a[1] - b[1]) <= 0.1 * min(a[3] - a[1], b[3] - b[1])
        if detection.feature is not None and other.feature is not None:
            cosine = float(detection.feature @ other.feature)
            same = same or (cosine > 0 and 1 - cosine <= self.options.max_cosine_distance)
        return bool(nested and same and detection.class_number == other.class_number)

    def move_to(self, timestamp_s: float | None) -> None:
        """Predict every track one nominal frame at a time until the new frame."""
        rate = self.options.nominal_rate
        if self.now_s is None:
            self.now_s = 0.0 if timestamp_s is None else timestamp_s
            return
        then_s = self.now_s + 1 / rate if timestamp_s is None else timestamp_s
        frames = (then_s - self.now_s) * rate
        assert abs(frames - round(frames)) < 1e-6, "the oracle knows whole nominal frames only"
        self.now_s = then_s
        for track in self.tracks:
            if self.options.steady_size:
                track.mean[6:] = 0
            track.mean, track.covariance = self.filter.predict_frames(
                track.mean, track.covariance, round(frames)
            )
            track.missed += 1
            track.detection = -1

    def delete_too_old(self) -> None:
        """Tracks unseen for longer than the limit are gone before the matching (ages 1 to max)."""
        limit_s = self.options.max_age_s + _ROUNDING_S
        self.lost += [
            t
            for t in self.tracks
            if t.confirmed and t.features and self.time() - t.seen_s > limit_s
        ]
        self.tracks = [t for t in self.tracks if self.time() - t.seen_s <= limit_s]
        limit_s = self.options.exit_s + _ROUNDING_S
        left = [
            t
            for t in self.tracks
            if not self.is_inside(t) and t.missed > 1 and self.time() - t.seen_s > limit_s
        ]
        self.lost += [t for t in left if t.confirmed and t.features]
        self.tracks = [t for t in self.tracks if not any(t is other for other in left)]

    def at_border(self, box: Sequence[float]) -> bool:
        """Whether a person may come in, or go out, over the border."""
        left, top, right, bottom = box
        side, foot = 0.3 * (bottom - top), 0.1 * (bottom - top)
        return left < side or right > self.right - side or bottom > self.bottom - foot

    def is_inside(self, track: PlainTrack) -> bool:
        x, y = (float(value) for value in track.mean[:2])
        return 0 <= x <= self.right and 0 <= y <= self.bottom

    def may_take(self, track: PlainTrack, detection: PlainDetection) -> bool:
        """Whether the classes allow the pair: equal, or wavering on one object."""
        same = track.class_number == detection.class_number
        return same or overlap(track.box(), detection.box) >= 0.7

    def usable(self, detections: Detections, embeddings: Embeddings | None) -> list[PlainDetection]:
        usable = []
        for row in range(len(detections)):
            left, top, right, bottom = (float(edge) for edge in detections.boxes[row])
            if detections.scores[row] < np.float32(self.options.min_confidence):
                continue
            if right <= left or bottom <= top:
                continue
            feature = None
            if embeddings is not None:
                feature = embeddings[row].astype(np.float64)
                length = float(np.sqrt(feature @ feature))
                feature = feature / length if length > 0 else feature
            usable.append(
                PlainDetection(
                    row=row,
                    box=(left, top, right, bottom),
                    score=detections.scores[row],
                    class_number=int(detections.classes[row]),
                    feature=feature,
                )
            )
        return usable

    def match_by_motion_and_appearance(
        self, usable: list[PlainDetection], with_appearance: bool
    ) -> list[tuple[PlainTrack, PlainDetection]]:
        tracks = [track for track in self.tracks if track.confirmed]
        cost = np.full((len(tracks), len(usable)), np.inf)
        for i, track in enumerate(tracks):
            for j, detection in enumerate(usable):
                cost[i, j] = self.combined_cost(track, detection, with_appearance)
        ages = [track.missed if self.options.cascade else 1 for track in tracks]
        pairs = cascade(ages, cost, 1.0)
        return [(tracks[i], usable[j]) for i, j in pairs]

    def combined_cost(
        self, track: PlainTrack, detection: PlainDetection, with_appearance: bool
    ) -> float:
        """Equation 5 with the gates of equation 6; both parts lie in [0, 1] inside the gates."""
        motion = self.filter.squared_mahalanobis(
            track.mean, track.covariance, detection.measurement
        )
        overlaps = track.missed == 1 and with_appearance and not self.options.cascade
        overlaps &= overlap(track.box(), detection.box) >= 1 - self.options.max_iou_distance
        if (motion > self.gate and not overlaps) or not self.may_take(track, detection):
            return np.inf
        if not with_appearance:
            return motion / self.gate
        appearance = self.cosine_distance(track, detection)
        if appearance > self.options.max_cosine_distance:
            return np.inf
        weight = self.options.motion_weight
        return weight * min(motion / self.gate, 1.0) + (1 - weight) * appearance

    def cosine_distance(self, track: PlainTrack, detection: PlainDetection) -> float:
        """Equation 2: the smallest distance to the remembered features; 1 if there are none."""
        smallest = 1.0
        for feature in track.features:
            assert detection.feature is not None
            smallest = min(smallest, 1 - float(feature @ detection.feature))
        return smallest

    def match_by_overlap(
        self, usable: list[PlainDetection], matches: list[tuple[PlainTrack, PlainDetection]]
    ) -> list[tuple[PlainTrack, PlainDetection]]:
        """Second stage: tentative tracks, and confirmed ones that were seen in the last frame."""
        matched = {track.id for track, _ in matches}
        taken = {detection.row for _, detection in matches}
        tracks = [
            t for t in self.tracks if t.id not in matched and (not t.confirmed or t.missed == 1)
        ]
        free = [detection for detection in usable if detection.row not in taken]
        cost = np.ones((len(tracks), len(free)))
        for i, track in enumerate(tracks):
            for j, detection in enumerate(free):
                if self.may_take(track, detection) and not self.looks_strange(track, detection):
                    cost[i, j] = 1 - overlap(track.box(), detection.box)
                else:
                    cost[i, j] = np.inf
        pairs = match_within_gate(cost, self.options.max_iou_distance)
        return [(tracks[i], free[j]) for i, j in pairs]

    def looks_strange(self, track: PlainTrack, detection: PlainDetection) -> bool:
        """Whether both appearances are known, to be trusted, and too different."""
        known = detection.feature is not None and bool(detection.feature.any())
        known = known and self.is_confident(detection)
        if not self.options.gate_overlap or not known or not track.features:
            return False
        return self.cosine_distance(track, detection) > self.options.max_cosine_distance

    def correct(
        self, track: PlainTrack, detection: PlainDetection, usable: list[PlainDetection]
    ) -> None:
        measurement = self.whole_body(track, detection, usable)
        x, y, aspect, height = measurement
        half = aspect * height / 2
        track.measured = (x - half, y - height / 2, x + half, y + height / 2)
        track.mean, track.covariance = self.filter.update(track.mean, track.covariance, measurement)
        track.hits += 1
        track.missed = 0
        track.confirmed = track.confirmed or track.hits >= self.options.n_init
        track.seen_s = self.time()
        track.score = float(detection.score)
        track.detection = detection.row
        self.remember(track, detection)

    def whole_body(
        self, track: PlainTrack, detection: PlainDetection, usable: list[PlainDetection]
    ) -> Array:
        """The measurement; where somebody in front hides the feet, as tall as the track."""
        left, top, right, bottom = detection.box
        height = bottom - top
        _, _, aspect, whole = track.mean[:4]
        if not track.confirmed or height >= self.options.whole_below * whole:
            return detection.measurement
        for other in usable:
            a, b, c, d = other.box
            shared = max(min(right, c) - max(left, a), 0.0)
            if b < bottom < d - 0.05 * height and shared >= 0.5 * (right - left):
                return np.array([(left + right) / 2, top + whole / 2, aspect, whole])
        return detection.measurement

    def start(self, detection: PlainDetection, *, confirmed: bool) -> None:
        mean, covariance = self.filter.initiate(detection.measurement)
        track = PlainTrack(
            id=self.next_id,
            mean=mean,
            covariance=covariance,
            born_s=self.time(),
            seen_s=self.time(),
            score=float(detection.score),
            class_number=detection.class_number,
            detection=detection.row,
            features=deque(maxlen=self.options.nn_budget),
            confirmed=confirmed or self.options.n_init == 1,
            measured=detection.box,
        )
        self.next_id += 1
        self.remember(track, detection)
        self.tracks.append(track)

    def remember(self, track: PlainTrack, detection: PlainDetection) -> None:
        feature = detection.feature
        if feature is None or self.is_sliver(detection.box):
            return
        if feature.any() and self.is_confident(detection):
            track.features.append(feature)

    def is_sliver(self, box: Sequence[float]) -> bool:
        """Whether little of a person is left at a side of the picture."""
        left, top, right, bottom = box
        at_side = left <= 0.01 * self.right or right >= self.right - 0.01 * self.right
        return at_side and right - left < 0.29 * (bottom - top)

    def is_confident(self, detection: PlainDetection) -> bool:
        return bool(detection.score >= np.float32(self.options.high_confidence))

    def report(self) -> list[PlainReport]:
        """Confirmed tracks seen in this frame, or a short time ago, or hidden behind others."""
        return [
            PlainReport(
                id=track.id,
                box=self.reported_box(track),
                score=track.score,
                class_number=track.class_number,
                age_s=self.time() - track.born_s,
                observed=track.missed == 0,
                detection_index=track.detection,
            )
            for track in self.tracks
            if track.confirmed and self.is_reported(track)
        ]

    def is_reported(self, track: PlainTrack) -> bool:
        unseen_s = self.time() - track.seen_s
        if track.missed == 0 or unseen_s <= self.options.coast_s + _ROUNDING_S:
            return True
        return unseen_s <= self.options.hidden_s + _ROUNDING_S and any(
            self.hides(self.reported_box(other), track.box())
            for other in self.tracks
            if other.confirmed and other.missed == 0
        )

    def hides(self, front: Sequence[float], box: Sequence[float]) -> bool:
        """Whether a person stands in front of at least half of a box."""
        width = max(min(front[2], box[2]) - max(front[0], box[0]), 0.0)
        height = max(min(front[3], box[3]) - max(front[1], box[1]), 0.0)
        in_front = front[3] > box[3] - 0.1 * (box[3] - box[1])
        return in_front and width * height >= 0.5 * _area(box) > 0

    def reported_box(self, track: PlainTrack) -> tuple[float, float, float, float]:
        if track.missed:
            return track.box()
        weight = self.options.matched_weight
        left, top, right, bottom = (
            (1 - weight) * filtered + weight * matched
            for filtered, matched in zip(track.box(), track.measured, strict=True)
        )
        return (left, top, right, bottom)

    def time(self) -> float:
        assert self.now_s is not None
        return self.now_s
