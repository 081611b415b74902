"""What embeddings are for: crossings, returns, and frames without them."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections, Embeddings
from tests.oracles.deepsort_plain import PlainDeepSort, PlainOptions
from tests.track.scenes import Box, SceneOptions, looks, person, random_scene, seen

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NOBODY = Detections.empty()


def meeting(frame: int) -> list[Box]:
    """Two people meet, stand hidden behind something, and walk back where they came from."""
    if 26 <= frame < 32:
        return []
    turned = min(frame, 58 - frame)
    return [person(100 + 4 * turned), person(310 - 4 * turned)]


def test_people_who_meet_and_turn_back_keep_their_ids() -> None:
    tracker = DeepSort()
    for frame in range(55):
        boxes = meeting(frame)
        tracks = tracker.update(seen(*boxes), looks(0, 1)[: len(boxes)])
        if frame >= 2 and boxes:
            assert tracks.ids[np.argsort(tracks.detection_index)].tolist() == [1, 2], frame


def test_motion_alone_takes_them_for_people_who_passed() -> None:
    tracker = DeepSort()
    for frame in range(55):
        tracks = tracker.update(seen(*meeting(frame)))
    assert tracks.observed.all()
    assert tracks.ids[np.argsort(tracks.detection_index)].tolist() == [2, 1]


@pytest.mark.parametrize("with_appearance", [True, False])
def test_people_who_pass_each_other_keep_their_ids(with_appearance: bool) -> None:
    tracker = DeepSort()
    for frame in range(60):
        boxes = [person(100 + 5 * frame), person(400 - 5 * frame, y=310, height=160)]
        visible = boxes[:1] if 27 <= frame <= 33 else boxes
        embeddings = looks(0, 1)[: len(visible)] if with_appearance else None
        tracks = tracker.update(seen(*visible), embeddings)
    assert tracks.ids[np.argsort(tracks.detection_index)].tolist() == [1, 2]


def test_a_sliver_at_the_side_of_the_picture_is_not_remembered() -> None:
    # The last that is seen of person 1 looks half like person 2, who comes in there.
    picture = np.zeros((480, 640, 3), np.uint8)
    tracker = DeepSort(DeepSortConfig(camera_motion=False))
    half = (looks(0) + looks(1)) / np.float32(np.sqrt(2))
    for frame in range(70):
        left, top, _, bottom = person(680 - 4 * abs(frame - 35))
        left = min(left, 620)
        sliver = 640 - left < 40
        whole = looks(0 if frame < 35 else 1)
        box = (left, top, min(left + 60, 640), bottom)
        tracks = tracker.update(seen(box), half if sliver else whole, frame=picture)
        if frame == 30:
            assert tracks.ids.tolist() == [1]
    assert tracks.ids[tracks.observed].tolist() == [2]


@pytest.mark.parametrize(("identity", "expected"), [(0, 1), (1, 2)])
def test_who_returns_is_told_by_looks(identity: int, expected: int) -> None:
    tracker = DeepSort(DeepSortConfig(max_age_s=3.0))
    for _ in range(20):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(60):
        tracker.update(NOBODY, looks())
    for _ in range(3):
        tracks = tracker.update(seen(person(215)), looks(identity))
    assert tracks.ids[tracks.observed].tolist() == [expected]


def test_nobody_returns_outside_the_motion_gate() -> None:
    tracker = DeepSort()
    for _ in range(20):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(5):
        tracker.update(NOBODY, looks())
    for _ in range(3):
        tracks = tracker.update(seen(person(1200)), looks(0))
    assert tracks.ids[tracks.observed].tolist() == [2]


def test_weak_detections_do_not_describe_a_track() -> None:
    """Half hidden by a stranger, a weak box carries the stranger's looks."""
    tracker = DeepSort()
    for _ in range(10):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(5):
        assert tracker.update(seen(person(200), score=0.5), looks(1)).ids.tolist() == [1]
    for _ in range(10):
        tracker.update(NOBODY, looks())
    for _ in range(3):
        tracks = tracker.update(seen(person(200)), looks(1))
    assert tracks.ids[tracks.observed].tolist() == [2]


def test_the_budget_forgets_old_looks() -> None:
    for budget, expected in ((5, 2), (100, 1)):
        tracker = DeepSort(DeepSortConfig(nn_budget=budget, gate_overlap=False))
        for frame in range(20):
            tracker.update(seen(person(200)), looks(0 if frame < 10 else 1))
        for _ in range(10):
            tracker.update(NOBODY, looks())
        for _ in range(3):
            tracks = tracker.update(seen(person(200)), looks(0))
        assert tracks.ids[tracks.observed].tolist() == [expected]


def test_embeddings_need_not_be_of_unit_length() -> None:
    scene = random_scene(np.random.default_rng(4), SceneOptions(people=4))
    tracker, other = DeepSort(), DeepSort()
    for frame in scene:
        assert frame.embeddings is not None
        tracks = tracker.update(frame.detections, frame.embeddings)
        scaled = other.update(frame.detections, frame.embeddings * np.float32(60))
        np.testing.assert_array_equal(tracks.ids, scaled.ids)
        np.testing.assert_array_equal(tracks.detection_index, scaled.detection_index)


def test_a_row_of_zeros_is_no_appearance() -> None:
    tracker = DeepSort()
    nothing = np.zeros((1, 8), np.float32)
    for frame in range(20):
        tracks = tracker.update(seen(person(200 + frame)), nothing if frame % 2 else looks(0))
    assert tracks.ids.tolist() == [1]
    for _ in range(10):
        tracker.update(NOBODY, looks())
    tracks = tracker.update(seen(person(220)), looks(0))
    assert tracks.ids.tolist() == [1]


def test_frames_without_embeddings_are_tracked_by_motion() -> None:
    tracker = DeepSort()
    for frame in range(30):
        appearance = looks(0, 1) if frame % 5 == 0 else None
        boxes = (person(200 + 3 * frame), person(600 - 3 * frame))
        tracks = tracker.update(seen(*boxes), appearance)
        if frame >= 2:
            assert tracks.ids.tolist() == [1, 2]


def test_a_switched_off_appearance_gate_lets_looks_rank_only() -> None:
    tracker = DeepSort(DeepSortConfig(max_cosine_distance=1.0))
    for _ in range(10):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(5):
        tracker.update(NOBODY, looks())
    assert tracker.update(seen(person(205)), looks(1)).ids.tolist() == [1]


def test_embeddings_may_begin_late() -> None:
    tracker = DeepSort()
    for frame in range(20):
        tracks = tracker.update(seen(person(200)), looks(0) if frame >= 8 else None)
    assert tracks.ids.tolist() == [1]


def test_equals_the_plain_tracker_when_embeddings_begin_late() -> None:
    tracker, oracle = DeepSort(), PlainDeepSort(PlainOptions())
    for frame in random_scene(np.random.default_rng(11), SceneOptions(people=5, frames=60)):
        embeddings = frame.embeddings if frame.number >= 15 else None
        actual = tracker.update(frame.detections, embeddings, frame.timestamp_s)
        expected = oracle.update(frame.detections, embeddings, frame.timestamp_s)
        assert actual.ids.tolist() == [row.id for row in expected]
        assert actual.detection_index.tolist() == [row.detection_index for row in expected]


def test_motion_alone_may_rank() -> None:
    tracker = DeepSort(DeepSortConfig(motion_weight=1.0))
    for _ in range(6):
        tracks = tracker.update(seen(person(200), person(500)), looks(0, 1))
    assert tracks.ids.tolist() == [1, 2]


def test_appearance_alone_may_rank() -> None:
    tracker = DeepSort(DeepSortConfig(motion_weight=0.0))
    for _ in range(6):
        tracks = tracker.update(seen(person(200), person(500)), looks(0, 1))
    assert tracks.ids.tolist() == [1, 2]


def blend(part: float, axis: int = 1) -> Embeddings:
    """A unit vector at cosine distance `part` from `looks(0)`."""
    cosine = 1 - part
    mixed: Embeddings = cosine * looks(0) + np.float32(np.sqrt(1 - cosine**2)) * looks(axis)
    return mixed


def test_rivals_are_compared_by_all_that_is_remembered() -> None:
    """One detection between two tracks goes to the one that ever looked like it."""
    tracker = DeepSort()
    for frame in range(20):
        first = looks(0) if frame < 10 else blend(0.25, axis=1)
        appearance = np.concatenate([first, blend(0.2, axis=2)])
        tracker.update(seen(person(200), person(230)), appearance)
    tracks = tracker.update(seen(person(215)), looks(0))
    assert tracks.ids[tracks.observed].tolist() == [1]


def test_appearance_alone_ranks_but_motion_still_gates() -> None:
    tracker = DeepSort(DeepSortConfig(motion_weight=0.0, max_cosine_distance=1.0))
    for _ in range(5):
        tracker.update(seen(person(200), person(900), person(915)), looks(0, 1, 2))
    # The second person is hidden; a stranger beside the first, far away, is left over.
    tracks = tracker.update(seen(person(200), person(210), person(915)), looks(0, 3, 2))
    assert tracks.ids[tracks.observed].tolist() == [1, 3]
    assert tracks.detection_index[tracks.observed].tolist() == [0, 2]


@pytest.mark.parametrize(("distance", "expected"), [(0.29, 1), (0.31, 2)])
def test_the_appearance_gate_lies_where_it_is_set(distance: float, expected: int) -> None:
    tracker = DeepSort(DeepSortConfig(max_cosine_distance=0.3))
    for _ in range(10):
        tracker.update(seen(person(200)), looks(0))
    for _ in range(10):
        tracker.update(NOBODY, looks())
    for _ in range(3):
        tracks = tracker.update(seen(person(200)), blend(distance))
    assert tracks.ids[tracks.observed].tolist() == [expected]
