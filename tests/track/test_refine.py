"""Refinement of finished tracks: split, connect, fill, smooth; each alone and all together."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from reid_tracker.track import DeepSort
from reid_tracker.track.refine import (
    Change,
    Recorder,
    Trajectory,
    filled_gaps,
    refine,
    smoothed,
    split_time,
    with_birth,
)
from reid_tracker.types import Detections
from tests.track.scenes import looks, person, seen

SIZE = (1000.0, 600.0)
GATE = 0.3
RATE = 10.0


def trajectory(
    track_id: int, frames: list[int], xs: npt.ArrayLike, look: int | list[int]
) -> Trajectory:
    """A track at these frames; one embedding a frame."""
    boxes = np.array([person(x) for x in np.broadcast_to(xs, len(frames)).tolist()])
    numbers = np.array(frames, np.int64)
    kinds = [look] * len(frames) if isinstance(look, int) else look
    return Trajectory(
        track_id=track_id,
        class_number=0,
        frames=numbers,
        times_s=numbers / RATE,
        boxes=boxes,
        scores=np.full(len(frames), 0.9),
        observed=np.ones(len(frames), np.bool_),
        born_s=frames[0] / RATE,
        embeddings=looks(*kinds),
        embedded_s=numbers / RATE,
    )


def ids_by_frame(tracks: list[Trajectory]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for track in tracks:
        assert (np.diff(track.frames) > 0).all()
        for frame in track.frames.tolist():
            found.setdefault(frame, set()).add(track.track_id)
    return found


def test_tracks_of_one_person_are_connected_and_the_gap_is_filled_where_they_stood() -> None:
    early, late = trajectory(3, list(range(20)), 400, 0), trajectory(7, list(range(80, 99)), 420, 0)
    refined, changes = refine([early, late], SIZE, GATE)
    assert [track.track_id for track in refined] == [3]
    assert refined[0].frames.tolist() == list(range(99))
    assert not refined[0].observed[20:80].any()
    assert refined[0].boxes[50, ::2].mean() == pytest.approx(410, abs=2)
    assert changes == [Change("connect", 7, 3, 8.0, changes[0].reason)]
    assert "6.1 s" in changes[0].reason


@pytest.mark.parametrize(
    "late",
    [
        trajectory(7, list(range(80, 99)), 420, 1),  # looks different
        trajectory(7, list(range(15, 40)), 420, 0),  # there at the same time
        trajectory(7, list(range(22, 40)), 800, 0),  # too far away in 0.3 s
        trajectory(7, list(range(400, 420)), 420, 0),  # after 38 s
        trajectory(7, list(range(80, 99)), 960, 0),  # came in over the border
        dataclasses.replace(trajectory(7, list(range(80, 99)), 420, 0), class_number=2),
    ],
    ids=["look", "time", "place", "absence", "border", "class"],
)
def test_other_tracks_are_not_connected(late: Trajectory) -> None:
    refined, changes = refine([trajectory(3, list(range(20)), 400, 0), late], SIZE, GATE)
    assert [track.track_id for track in refined] == [3, 7]
    assert changes == []


def test_the_assignment_is_global() -> None:
    """The nearer of two equal successors goes to whom it fits best overall."""
    first = trajectory(1, list(range(20)), 300, 0)
    second = trajectory(2, list(range(20)), 500, 0)
    refined, _ = refine(
        [
            first,
            second,
            trajectory(3, list(range(30, 50)), 420, 0),
            trajectory(4, list(range(30, 50)), 600, 0),
        ],
        SIZE,
        GATE,
    )
    ends = {track.track_id: float(track.boxes[-1, ::2].mean()) for track in refined}
    assert ends == pytest.approx({1: 420, 2: 600}, abs=1)


def test_a_chain_keeps_the_earliest_id() -> None:
    parts = [trajectory(i, list(range(30 * i, 30 * i + 20)), 400, 0) for i in range(1, 5)]
    refined, changes = refine(parts, SIZE, GATE)
    assert [track.track_id for track in refined] == [1]
    assert [(change.old_id, change.new_id) for change in changes] == [(2, 1), (3, 1), (4, 1)]


def test_a_track_of_two_people_is_split_and_each_gets_the_own_past() -> None:
    """Track 1 goes over to the person of track 2 when both meet."""
    swapped = trajectory(1, list(range(60)), 400, [0] * 30 + [1] * 30)
    other = trajectory(2, list(range(25)), 440, 1)
    cut = split_time(swapped, GATE)
    assert cut is not None
    assert cut[0] == 3.0
    assert cut[1] == pytest.approx(1)
    refined, changes = refine([swapped, other], SIZE, GATE)
    found = ids_by_frame(refined)
    assert found[10] == {1, 2}
    assert found[50] == {2}
    assert [change.kind for change in changes] == ["split", "connect"]
    assert changes[0].new_id == changes[1].old_id == 3


@pytest.mark.parametrize("kinds", [[0] * 60, [0] * 57 + [1] * 3, [0] * 10, []])
def test_one_person_is_not_split(kinds: list[int]) -> None:
    frames = list(range(len(kinds))) or [0]
    track = trajectory(1, frames, 400, kinds or [0])
    assert split_time(track, GATE) is None


def test_short_gaps_are_filled_and_long_walks_are_not() -> None:
    frames = [0, 1, 2, 9, 10, 40, 41]
    xs = [100, 105, 110, 145, 150, 400, 405]
    filled = filled_gaps(trajectory(1, frames, xs, 0))
    assert filled.frames.tolist() == [*range(11), 40, 41]
    np.testing.assert_allclose(filled.boxes[:11, ::2].mean(axis=1), 100 + 5 * np.arange(11))
    assert filled.observed.tolist() == [frame in frames for frame in filled.frames.tolist()]


def test_the_frames_before_the_confirmation_come_back() -> None:
    track = dataclasses.replace(trajectory(1, [4, 5, 6], [120, 130, 140], 0), born_s=0.2)
    early = with_birth(track)
    assert early.frames.tolist() == [2, 3, 4, 5, 6]
    np.testing.assert_allclose(early.boxes[:, ::2].mean(axis=1), [100, 110, 120, 130, 140])


def test_smoothing_equals_weighted_least_squares() -> None:
    generator = np.random.default_rng(2)
    frames = np.flatnonzero(generator.random(60) < 0.7).tolist()
    noisy = trajectory(1, frames, generator.uniform(100, 200, len(frames)), 0)
    actual = smoothed(noisy).boxes
    for row, time_s in enumerate(noisy.times_s):
        step = noisy.times_s - time_s
        weights = np.exp(-0.5 * (step / 0.3) ** 2) * (np.abs(step) <= 0.9 + 1e-9)
        expected = np.polyfit(step, noisy.boxes, 1, w=np.sqrt(weights))[1]
        np.testing.assert_allclose(actual[row], expected, atol=1e-6)


def test_smoothing_keeps_straight_walks_and_short_tracks() -> None:
    walk = trajectory(1, list(range(30)), 100 + 7.0 * np.arange(30), 0)
    np.testing.assert_allclose(smoothed(walk).boxes, walk.boxes, atol=1e-6)
    alone = trajectory(1, [5], 100, 0)
    np.testing.assert_allclose(smoothed(alone).boxes, alone.boxes)


def test_nothing_and_tracks_without_embeddings() -> None:
    assert refine([], SIZE, GATE) == ([], [])
    bare = dataclasses.replace(
        trajectory(1, [0, 1, 2], 400, 0),
        embeddings=np.empty((0, 0), np.float32),
        embedded_s=np.empty(0),
    )
    later = dataclasses.replace(
        bare, track_id=2, frames=bare.frames + 9, times_s=bare.times_s + 0.9
    )
    refined, changes = refine([bare, later], SIZE, GATE)
    assert [track.track_id for track in refined] == [1, 2]
    assert changes == []


@pytest.mark.slow
def test_a_recorder_follows_a_tracker_in_bounded_memory() -> None:
    tracker, recorder = DeepSort(), Recorder()
    nobody = Detections.empty()
    for frame in range(2000):
        here = frame % 100 < 95
        found = seen(person(300 + (frame % 7))) if here else nobody
        tracks = tracker.update(found, looks(0) if here else looks(), frame / 30)
        rows = np.broadcast_to(looks(0), (len(tracks), 8))
        recorder.add(frame, frame / 30, tracks, rows)
    (track,) = recorder.trajectories()
    assert len(track) == 2000 * 95 // 100
    assert track.observed.all()
    assert 100 < len(track.embeddings) <= 257
    assert (np.diff(track.embedded_s) > 0).all()
    assert track.embedded_s[-1] > 55
    refined, _ = refine([track], SIZE, GATE)
    assert refined[0].frames.tolist() == list(range(1995))
