"""Refine the finished tracks of one recorded video, where the future is known too.

In order: a track that holds two people is split where its appearance changes; tracks of one person
are connected by a global assignment over appearance, place and time (both after GTA, arXiv
2411.08216); gaps are filled, and boxes smoothed over time (after GSI of StrongSORT++, arXiv
2202.13514). People who left the picture are not connected: who comes in may be anybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from reid_tracker.arrays import BoolArray, Float32Array, FloatArray, IntArray
from reid_tracker.track.assignment import assign
from reid_tracker.types import Embeddings, Tracks

_FILL_S = 1.0  # shorter gaps are filled
_STAND_S = 30.0  # longer ones too, up to this, where a person hardly moved: they stood hidden
_STAND = 0.7  # heights that such a person may have moved
_CONNECT_S = 30.0  # longest absence over which tracks are connected
_REACH = 1.0  # heights that a person is away at once, and goes per second
_GROWTH = 0.5  # largest change of the logarithm of the height
_SIDE, _FOOT = 0.3, 0.1  # heights from the border at which people go out of the picture
_PLACE_WEIGHT = 0.1  # of the distance, relative to the reach, against that of appearance
_SMOOTH_S = 0.3  # standard deviation of the kernel, which ends at three of them
_KERNEL_S = 3 * _SMOOTH_S + 1e-6
_SPLIT = 0.85  # of the appearance gate: means scatter less than single embeddings
_SPLIT_EMBEDDINGS = 10  # fewest on each side of a split
_SPLIT_WINDOW = 40  # most on each side that a split looks at
_MOST_EMBEDDINGS = 256  # kept of a track, spread over its length


@dataclass(frozen=True)
class Trajectory:
    """One track from its first report to its last.

    Attributes:
        track_id: its id.
        class_number: class of its object.
        frames: (N,) rising frame numbers.
        times_s: (N,) their times.
        boxes: (N, 4) xyxy, float64.
        scores: (N,) confidences.
        observed: (N,) False where a box was predicted or filled in.
        born_s: time of the first detection, before the track was confirmed.
        embeddings: (E, D) unit rows.
        embedded_s: (E,) their times, rising.
    """

    track_id: int
    class_number: int
    frames: IntArray
    times_s: FloatArray
    boxes: FloatArray
    scores: FloatArray
    observed: BoolArray
    born_s: float
    embeddings: Float32Array
    embedded_s: FloatArray

    def __len__(self) -> int:
        return len(self.frames)

    def part(self, first_s: float, end_s: float) -> Trajectory:
        """Return what lies at or after `first_s` and before `end_s`."""
        rows = (self.times_s >= first_s) & (self.times_s < end_s)
        seen = (self.embedded_s >= first_s) & (self.embedded_s < end_s)
        return replace(
            self,
            frames=self.frames[rows],
            times_s=self.times_s[rows],
            boxes=self.boxes[rows],
            scores=self.scores[rows],
            observed=self.observed[rows],
            born_s=max(self.born_s, first_s),
            embeddings=self.embeddings[seen],
            embedded_s=self.embedded_s[seen],
        )

    def joined(self, later: Trajectory) -> Trajectory:
        """Return this trajectory followed by a later one."""
        return replace(
            self,
            frames=np.concatenate([self.frames, later.frames]),
            times_s=np.concatenate([self.times_s, later.times_s]),
            boxes=np.concatenate([self.boxes, later.boxes]),
            scores=np.concatenate([self.scores, later.scores]),
            observed=np.concatenate([self.observed, later.observed]),
            embeddings=np.concatenate([self.embeddings, later.embeddings]),
            embedded_s=np.concatenate([self.embedded_s, later.embedded_s]),
        )


@dataclass(frozen=True)
class Change:
    """What was changed, and why.

    Attributes:
        kind: "split" or "connect".
        old_id: id of the live track whose reports move.
        new_id: id that they get.
        from_s: time of the first of them.
        reason: the evidence, in words.
    """

    kind: str
    old_id: int
    new_id: int
    from_s: float
    reason: str


class Recorder:
    """Collects what a tracker reports as trajectories.

    A report costs about 200 bytes. Of each track, at most 256 embeddings are kept.
    """

    def __init__(self) -> None:
        self._tracks: dict[int, _Growing] = {}

    def add(
        self, frame: int, time_s: float, tracks: Tracks, embeddings: Embeddings | None = None
    ) -> None:
        """Take the tracks of one frame.

        Args:
            frame: its number, rising from call to call.
            time_s: its time.
            tracks: (M) tracks.
            embeddings: (M, D) rows of the tracks; rows of zeros are skipped.
        """
        for row, track_id in enumerate(tracks.ids.tolist()):
            growing = self._tracks.get(track_id)
            if growing is None:
                growing = self._tracks[track_id] = _Growing(
                    int(tracks.classes[row]), time_s - float(tracks.ages_s[row])
                )
            growing.frames.append(frame)
            growing.times_s.append(time_s)
            growing.boxes.append(tracks.boxes[row])
            growing.scores.append(float(tracks.scores[row]))
            growing.observed.append(bool(tracks.observed[row]))
            if embeddings is not None and tracks.observed[row] and embeddings[row].any():
                growing.remember(time_s, embeddings[row])

    def trajectories(self) -> list[Trajectory]:
        """Return all tracks by id."""
        return [growing.finished(one) for one, growing in sorted(self._tracks.items())]


@dataclass
class _Growing:
    """A trajectory that still grows."""

    class_number: int
    born_s: float
    frames: list[int] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    boxes: list[Float32Array] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    observed: list[bool] = field(default_factory=list)
    embeddings: list[Float32Array] = field(default_factory=list)
    embedded_s: list[float] = field(default_factory=list)
    every: int = 1
    offered: int = 0

    def remember(self, time_s: float, embedding: Float32Array) -> None:
        """Keep every n-th embedding; where there are too many, n doubles."""
        if self.offered % self.every == 0:
            self.embeddings.append(np.array(embedding))
            self.embedded_s.append(time_s)
            if len(self.embeddings) > _MOST_EMBEDDINGS:
                del self.embeddings[1::2], self.embedded_s[1::2]
                self.every *= 2
        self.offered += 1

    def finished(self, track_id: int) -> Trajectory:
        rows = np.stack(self.embeddings) if self.embeddings else np.empty((0, 0), np.float32)
        return Trajectory(
            track_id=track_id,
            class_number=self.class_number,
            frames=np.array(self.frames, np.int64),
            times_s=np.array(self.times_s),
            boxes=np.array(self.boxes, np.float64).reshape(-1, 4),
            scores=np.array(self.scores),
            observed=np.array(self.observed, np.bool_),
            born_s=self.born_s,
            embeddings=rows,
            embedded_s=np.array(self.embedded_s),
        )


def refine(
    tracks: Sequence[Trajectory], size: tuple[float, float], max_cosine_distance: float
) -> tuple[list[Trajectory], list[Change]]:
    """Return better trajectories, by id, and what was split and connected.

    A connected track keeps the id of its earliest part. The later part of a split track gets a new
    id, unless it is connected to an earlier track.

    Args:
        tracks: of one camera.
        size: width and height of the picture.
        max_cosine_distance: mean embeddings at most this far apart may be one person.
    """
    parts, changes = _split_all(tracks, max_cosine_distance)
    connected, more = _connect(parts, size, max_cosine_distance)
    filled = [smoothed(filled_gaps(with_birth(_observed(track)))) for track in connected]
    return sorted(filled, key=lambda track: track.track_id), changes + more


def _split_all(
    tracks: Sequence[Trajectory], max_cosine_distance: float
) -> tuple[list[Trajectory], list[Change]]:
    next_id = max((track.track_id for track in tracks), default=0) + 1
    parts: list[Trajectory] = []
    changes: list[Change] = []
    for track in tracks:
        waiting = [track]
        while waiting:
            one = waiting.pop()
            cut = split_time(one, max_cosine_distance)
            if cut is None:
                parts.append(one)
                continue
            time_s, distance = cut
            later = replace(one.part(time_s, np.inf), track_id=next_id)
            next_id += 1
            waiting += [one.part(-np.inf, time_s), later]
            reason = f"appearance changes by a cosine distance of {distance:.3f}"
            changes.append(Change("split", one.track_id, later.track_id, time_s, reason))
    return parts, changes


def split_time(track: Trajectory, max_cosine_distance: float) -> tuple[float, float] | None:
    """Return when the track goes over to another person and the change of appearance, or None.

    The mean embeddings before and after are compared.
    """
    count = len(track.embeddings)
    cuts = np.arange(_SPLIT_EMBEDDINGS, count - _SPLIT_EMBEDDINGS + 1)
    if not len(cuts):
        return None
    sums = np.concatenate([np.zeros((1, track.embeddings.shape[1])), track.embeddings]).cumsum(0)
    before = _unit(sums[cuts] - sums[np.maximum(cuts - _SPLIT_WINDOW, 0)])
    after = _unit(sums[np.minimum(cuts + _SPLIT_WINDOW, count)] - sums[cuts])
    distance = 1 - (before * after).sum(axis=1)
    best = int(distance.argmax())
    if distance[best] <= _SPLIT * max_cosine_distance:
        return None
    return float(track.embedded_s[cuts[best]]), float(distance[best])


def _connect(
    tracks: Sequence[Trajectory], size: tuple[float, float], max_cosine_distance: float
) -> tuple[list[Trajectory], list[Change]]:
    """Give each track at most one successor, at the lowest total cost, and join the chains."""
    ordered = sorted(tracks, key=lambda track: (track.times_s[0], track.track_id))
    means = [_unit(track.embeddings.sum(axis=0)[None])[0] for track in ordered]
    cost = np.full((len(ordered), len(ordered)), np.inf)
    for row, earlier in enumerate(ordered):
        if not len(earlier.embeddings) or _at_border(earlier.boxes[-1], size):
            continue
        for column, later in enumerate(ordered):
            place = _distance_to_reach(earlier, later)
            if place > 1 or not len(later.embeddings) or _at_border(later.boxes[0], size):
                continue
            appearance = 1 - float(means[row] @ means[column])
            if appearance <= max_cosine_distance:
                cost[row, column] = appearance + _PLACE_WEIGHT * place
    rows, columns = assign(cost, max_cosine_distance + _PLACE_WEIGHT)
    predecessor = dict(zip(columns.tolist(), rows.tolist(), strict=True))
    joined: dict[int, Trajectory] = {}
    root: dict[int, int] = {}
    changes: list[Change] = []
    for index, track in enumerate(ordered):  # predecessors come first
        before = predecessor.get(index)
        root[index] = index if before is None else root[before]
        if before is None:
            joined[index] = track
            continue
        first = joined[root[index]]
        gap_s = track.times_s[0] - first.times_s[-1]
        reason = f"same person after {gap_s:.1f} s, cost {cost[before, index]:.3f}"
        changes.append(
            Change("connect", track.track_id, first.track_id, float(track.times_s[0]), reason)
        )
        joined[root[index]] = first.joined(track)
    return list(joined.values()), changes


def _distance_to_reach(earlier: Trajectory, later: Trajectory) -> float:
    """Return how far apart two tracks are, relative to how far a person can go; inf: never."""
    gap_s = later.times_s[0] - earlier.times_s[-1]
    if not 0 < gap_s <= _CONNECT_S or earlier.class_number != later.class_number:
        return np.inf
    last, first = earlier.boxes[-1], later.boxes[0]
    heights = last[3] - last[1], first[3] - first[1]
    if abs(np.log(heights[0] / heights[1])) > _GROWTH:
        return np.inf
    distance = np.hypot(*(_centres(last) - _centres(first))) / max(heights)
    return float(distance / (_REACH * (1 + gap_s)))


def _at_border(box: FloatArray, size: tuple[float, float]) -> bool:
    """Return whether a person at this box may come from, or go, out of the picture."""
    height = box[3] - box[1]
    side, foot = _SIDE * height, _FOOT * height
    return bool(box[0] < side or box[2] > size[0] - side or box[3] > size[1] - foot)


def _observed(track: Trajectory) -> Trajectory:
    """Return a track without predicted boxes; what was seen later says more about them."""
    rows = track.observed
    return replace(
        track,
        frames=track.frames[rows],
        times_s=track.times_s[rows],
        boxes=track.boxes[rows],
        scores=track.scores[rows],
        observed=track.observed[rows],
    )


def filled_gaps(track: Trajectory) -> Trajectory:
    """Fill short gaps, and long ones of people who stood hidden, by straight lines."""
    if len(track) < 2:
        return track
    frames = np.arange(track.frames[0], track.frames[-1] + 1)
    after = np.searchsorted(track.frames, frames)
    heights = track.boxes[:, 3] - track.boxes[:, 1]
    moved = np.linalg.norm(np.diff(_centres(track.boxes), axis=0), axis=1) / heights[1:]
    gap_s = np.diff(track.times_s)
    fill = (gap_s <= _FILL_S) | ((moved <= _STAND) & (gap_s <= _STAND_S))
    known = track.frames[after] == frames
    frames = frames[known | np.concatenate([[True], fill])[after]]

    def at(values: FloatArray) -> FloatArray:
        return np.asarray(np.interp(frames, track.frames, values))

    return replace(
        track,
        frames=frames,
        times_s=at(track.times_s),
        boxes=np.stack([at(track.boxes[:, edge]) for edge in range(4)], axis=1),
        scores=at(track.scores),
        observed=np.isin(frames, track.frames),
    )


def with_birth(track: Trajectory) -> Trajectory:
    """Add the frames before the track was confirmed, at the velocity of its first ones."""
    count = min(len(track), 5)
    if count < 2:
        return track
    step_s = (track.times_s[count - 1] - track.times_s[0]) / (
        track.frames[count - 1] - track.frames[0]
    )
    missing = min(round((track.times_s[0] - track.born_s) / step_s), int(track.frames[0]))
    back = np.arange(-missing, 0)
    speed = (track.boxes[count - 1] - track.boxes[0]) / (track.frames[count - 1] - track.frames[0])
    early = replace(
        track,
        frames=track.frames[0] + back,
        times_s=track.times_s[0] + step_s * back,
        boxes=track.boxes[0] + back[:, None] * speed,
        scores=np.full(missing, track.scores[0]),
        observed=np.ones(missing, np.bool_),
        embeddings=track.embeddings[:0],
        embedded_s=track.embedded_s[:0],
    )
    return early.joined(track)


def smoothed(track: Trajectory) -> Trajectory:
    """Smooth the boxes by local straight lines with Gaussian weights in time."""
    times, boxes = track.times_s, track.boxes
    reach = np.searchsorted(times, times + _KERNEL_S, side="right") - np.arange(len(times))
    weight, first, second = np.ones(len(times)), np.zeros(len(times)), np.zeros(len(times))
    level, slope = boxes.copy(), np.zeros_like(boxes)
    for offset in range(1, int(reach.max(initial=1))):
        step = times[offset:] - times[:-offset]
        near = np.where(step <= _KERNEL_S, np.exp(-0.5 * (step / _SMOOTH_S) ** 2), 0)
        for here, there, sign in (
            (slice(None, -offset), slice(offset, None), 1),
            (slice(offset, None), slice(None, -offset), -1),
        ):
            weight[here] += near
            first[here] += sign * near * step
            second[here] += near * step**2
            level[here] += near[:, None] * boxes[there]
            slope[here] += (sign * near * step)[:, None] * boxes[there]
    spread = weight * second - first**2
    enough = spread > 1e-9 * np.maximum(weight * second, 1e-9)
    line = (second[:, None] * level - first[:, None] * slope)[enough] / spread[enough, None]
    boxes = boxes.copy()
    boxes[enough] = line
    return replace(track, boxes=boxes)


def _centres(boxes: FloatArray) -> FloatArray:
    centre: FloatArray = (boxes[..., :2] + boxes[..., 2:]) / 2
    return centre


def _unit(rows: FloatArray) -> FloatArray:
    length = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: FloatArray = rows / np.where(length > 0, length, 1)
    return unit
