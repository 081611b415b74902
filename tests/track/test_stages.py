"""The matching stages: each alone, on tables made by a tracker."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.track.stages import Matches, Stages
from tests.track.scenes import Box, looks, person, seen

SIZE = (60.0, 150.0)
IN_FRONT = person(215, 310)


def test_the_gate_is_the_published_one() -> None:
    assert DeepSort()._stages._gate == pytest.approx(9.4877, abs=1e-4)


def test_matches_know_what_is_free() -> None:
    matches = Matches(np.array([1, 4]), np.array([3, 0]))
    assert matches.free(5).tolist() == [1, 2, 4]
    more = matches.joined(np.array([0]), np.array([2]))
    assert more.tracks.tolist() == [1, 4, 0]
    assert more.free(5).tolist() == [1, 4]


def ids_when_another_steps_in_front(config: DeepSortConfig, *embedding: int) -> list[int]:
    """Anna is seen for a while; then only somebody else, almost where she is."""
    tracker = DeepSort(config)
    for _ in range(10):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(4):
        rows = looks(*embedding) if embedding else np.zeros((1, 8), np.float32)
        tracks = tracker.update(seen(IN_FRONT), rows)
    ids: list[int] = tracks.ids[tracks.observed].tolist()
    return ids


def test_somebody_who_steps_in_front_does_not_take_the_track() -> None:
    assert ids_when_another_steps_in_front(DeepSortConfig(), 1) == [2]
    assert ids_when_another_steps_in_front(DeepSortConfig(gate_overlap=False), 1) == [1]


def test_without_a_look_overlap_decides() -> None:
    assert ids_when_another_steps_in_front(DeepSortConfig()) == [1]


@pytest.mark.parametrize("with_appearance", [False, True])
def test_another_class_does_not_rank_either(with_appearance: bool) -> None:
    """A pair that the classes forbid is no candidate, however well it fits."""
    tracker = DeepSort(DeepSortConfig(n_init=1))
    places: list[Box] = [person(200), person(240)]
    detections = seen(*places)
    detections.classes[1] = 2
    embeddings = looks(0, 0) if with_appearance else None
    for _ in range(3):
        tracker.update(detections, embeddings)
    tracker.update(seen(), None)
    moved = seen(person(238), person(275))
    moved.classes[0] = 0
    moved.classes[1] = 2
    tracks = tracker.update(moved, embeddings)
    assert dict(zip(tracks.ids.tolist(), tracks.classes.tolist(), strict=True)) == {1: 0, 2: 2}


def test_stages_are_made_for_one_memory() -> None:
    tracker = DeepSort()
    stages = tracker._stages
    assert isinstance(stages, Stages)
    tracker.reset()
    assert tracker._stages is not stages


@pytest.mark.parametrize(("cascade", "expected"), [(True, 1), (False, 2)])
def test_who_looks_more_alike_gets_the_track_unless_there_is_a_cascade(
    cascade: bool, expected: int
) -> None:
    """Anna (1) was lost later than Bert (2); then one of them is seen, who looks more like Bert."""
    tracker = DeepSort(DeepSortConfig(cascade=cascade, recover_s=0.0, max_cosine_distance=0.5))
    for frame in range(12):
        boxes, rows = ([person(200), person(260)], (0, 1)) if frame < 8 else ([person(200)], (0,))
        tracker.update(seen(*boxes), looks(*rows))
    for _ in range(3):
        tracker.update(seen(), None)
    between = np.array([[0.6, 0.8, 0, 0, 0, 0, 0, 0]], np.float32)
    tracks = tracker.update(seen(person(230)), between)
    assert tracks.ids[tracks.observed].tolist() == [expected]


def test_a_lost_track_does_not_take_the_cut_box_of_somebody_in_view() -> None:
    """Anna (1) is cut at the waist, out of her gate; the lost Bert (2) looks a bit like her."""
    tracker = DeepSort()
    like_anna = np.array([[0.97, 0.243, 0, 0, 0, 0, 0, 0]], np.float32)
    like_bert = np.array([[0.75, 0.661, 0, 0, 0, 0, 0, 0]], np.float32)
    for frame in range(45):
        boxes, rows = [person(200)], looks(0)
        if frame < 8:
            boxes, rows = [person(200), person(250)], np.concatenate([looks(0), like_bert])
        tracker.update(seen(*boxes), rows)
    left, top, right, _ = person(200)
    tracks = tracker.update(seen((left, top, right, top + 80)), like_anna)
    assert tracks.ids[tracks.observed].tolist() == [1]
