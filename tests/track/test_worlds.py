"""The default tracker on made-up worlds with exact truth: few switches, and few ids too many."""

from __future__ import annotations

import numpy as np
import pytest

from tests.benchmarks.mot_scores import score
from tests.benchmarks.tracker_options import tracked
from tests.track.worlds import WORLDS, World

SEEDS = 3
MOST = {
    "crossings": (12, 1),
    "lingering": (7, 0),
    "long occlusions": (29, 5),
    "crowd of 200": (45, 3),
    "shaking camera": (3, 0),
    "5 fps": (24, 4),
    "leaving and returning": (5, 0),
    "identical clothes": (26, 2),
    "swinging camera": (3, 0),
    "nested boxes": (14, 4),
}
"""Id switches, and ids more than people, in all seeds together."""


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_few_switches_and_few_ids_too_many(name: str) -> None:
    switches, extra = 0.0, 0
    for seed in range(SEEDS):
        truth, result = tracked(WORLDS[name].play(seed), "default", {})
        switches += score(truth, result)["IDSW"]
        extra += len(np.unique(result[:, 1])) - len(np.unique(truth[:, 1]))
    most_switches, most_extra = MOST[name]
    assert switches <= most_switches
    assert extra <= most_extra


@pytest.mark.slow
def test_some_people_are_found_twice() -> None:
    world = World(people=5, seconds=5.0, rate=5.0, size=(8000, 6000), nested_s=1.0)
    plain = World(people=5, seconds=5.0, rate=5.0, size=(8000, 6000))
    twice = 0
    for step, once in zip(world.play(0), plain.play(0), strict=True):
        count = len(once.detections)
        np.testing.assert_array_equal(step.detections.boxes[:count], once.detections.boxes)
        more = step.detections.boxes[count:]
        twice += len(more)
        for box in more:  # the upper part of a box that is there, too
            assert (once.detections.boxes[:, :3] == box[:3]).all(axis=1).any()
    assert 15 <= twice <= 25  # of 125, a fifth of the time


def test_a_world_is_played_the_same_again() -> None:
    world = World(people=4, seconds=1.0, shake_px=4.0, size=(320, 240))
    for one, other in zip(world.play(3), world.play(3), strict=True):
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.detections.boxes, other.detections.boxes)
        np.testing.assert_array_equal(one.embeddings, other.embeddings)
        np.testing.assert_array_equal(one.picture, other.picture)


def test_who_is_hidden_is_not_detected() -> None:
    wall = (0.0, 0.0, 1280.0, 720.0)
    for step in World(people=3, seconds=0.2, walls=(wall,)).play(0):
        assert len(step.people) == len(step.detections) == 0


def test_embeddings_change_with_time_as_documented() -> None:
    world = World(people=30, seconds=13.0, rate=5.0, size=(8000, 6000))
    rows: dict[int, dict[int, np.ndarray]] = {}
    for number, step in enumerate(world.play(0)):
        if len(step.detections):
            centres = (step.detections.boxes[:, :2] + step.detections.boxes[:, 2:]) / 2
            true = (step.boxes[:, :2] + step.boxes[:, 2:]) / 2
            who = np.linalg.norm(centres[:, None] - true[None], axis=2).argmin(axis=1)
            people = step.people[who].tolist()
            rows[number] = dict(zip(people, step.embeddings, strict=True))
    for frames, distance in ((1, 0.09), (5, 0.15), (20, 0.2), (60, 0.31)):
        apart = [
            1 - float(rows[first][one] @ rows[first + frames][one])
            for first in range(len(rows) - frames)
            for one in rows[first]
            if one in rows[first + frames]
        ]
        assert np.median(apart) == pytest.approx(distance, abs=0.03)
    strangers = [1 - float(rows[0][a] @ rows[0][b]) for a in rows[0] for b in rows[0] if a < b]
    assert np.median(strangers) == pytest.approx(0.5, abs=0.05)
