"""Life cycle of tracks: birth, confirmation, coasting, death, identity numbers."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections
from tests.track.scenes import looks, person, seen

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NOBODY = Detections.empty()
ANNA = person(200)


def ids_after(tracker: DeepSort, times: int) -> list[list[int]]:
    return [tracker.update(seen(ANNA)).ids.tolist() for _ in range(times)]


@pytest.mark.parametrize("n_init", [1, 2, 3, 5])
def test_confirmed_after_n_init_detections_in_a_row(n_init: int) -> None:
    tracker = DeepSort(DeepSortConfig(n_init=n_init, confirm_first=False))
    assert ids_after(tracker, n_init + 1) == [[]] * (n_init - 1) + [[1], [1]]


def test_who_is_there_in_the_first_frame_is_confirmed_at_once() -> None:
    tracker = DeepSort()
    assert tracker.update(seen(ANNA, person(500))).ids.tolist() == [1, 2]
    assert tracker.update(seen(ANNA, person(800))).ids.tolist() == [1]
    tracker.reset()
    assert tracker.update(seen(ANNA)).ids.tolist() == [1]


def test_a_tentative_track_dies_at_its_first_miss() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=3, confirm_first=False))
    ids_after(tracker, 2)
    tracker.update(NOBODY)
    assert len(tracker._tracks) == 0
    assert ids_after(tracker, 3) == [[], [], [2]]


@pytest.mark.parametrize("rate", [10, 30, 60])
@pytest.mark.parametrize(("absent_s", "same"), [(0.8, True), (1.2, False)])
def test_a_confirmed_track_dies_after_seconds_not_frames(
    rate: int, absent_s: float, same: bool
) -> None:
    tracker = DeepSort(DeepSortConfig(max_age_s=1.0, recover_s=0.0))
    for frame in range(rate):
        tracker.update(seen(ANNA), looks(0), frame / rate)
    absent = round(absent_s * rate)
    for frame in range(rate, rate + absent - 1):
        tracker.update(NOBODY, None, frame / rate)
    back = [
        tracker.update(seen(ANNA), looks(0), frame / rate)
        for frame in range(rate + absent - 1, rate + absent + 2)
    ]
    assert back[-1].ids.tolist() == ([1] if same else [2])
    assert len(back[0]) == (1 if same else 0)


def test_a_track_unseen_for_exactly_the_limit_still_lives() -> None:
    for start in range(40):
        tracker = DeepSort(DeepSortConfig(max_age_s=1.0, n_init=1))
        tracker.update(seen(ANNA), looks(0), start / 30)
        for frame in range(start + 1, start + 30):
            tracker.update(NOBODY, None, frame / 30)
        assert tracker.update(seen(ANNA), looks(0), (start + 30) / 30).ids.tolist() == [1]


@pytest.mark.parametrize("absent_s", [31 / 30, 60.0])
def test_a_track_unseen_for_longer_is_not_matched(absent_s: float) -> None:
    tracker = DeepSort(DeepSortConfig(max_age_s=1.0, recover_s=0.0, n_init=1))
    tracker.update(seen(ANNA), looks(0), 0.0)
    assert tracker.update(seen(ANNA), looks(0), absent_s).ids.tolist() == [2]


def test_an_unseen_track_is_reported_while_it_coasts() -> None:
    tracker = DeepSort(DeepSortConfig(coast_s=0.22))
    for frame in range(10):
        tracker.update(seen(person(100 + 10 * frame)), looks(0), frame / 10)
    coasting = [tracker.update(NOBODY, None, frame / 10) for frame in (10, 11, 12)]
    assert [len(tracks) for tracks in coasting] == [1, 1, 0]
    for tracks, x in zip(coasting, (200, 210), strict=False):
        assert not tracks.observed.any()
        assert tracks.detection_index.tolist() == [-1]
        assert tracks.boxes[0, ::2].mean() == pytest.approx(x, abs=2)
        assert tracks.scores.tolist() == [np.float32(0.9)]


def test_without_coasting_only_observed_tracks_are_reported() -> None:
    tracker = DeepSort(DeepSortConfig(coast_s=0.0))
    ids_after(tracker, 5)
    assert len(tracker.update(NOBODY)) == 0
    assert ids_after(tracker, 1) == [[1]]


def test_coasting_lasts_equally_long_whatever_the_time_of_day() -> None:
    reported = set()
    for start in range(60):
        tracker = DeepSort(DeepSortConfig(coast_s=0.1, n_init=1))
        tracker.update(seen(ANNA), None, start / 30)
        reported.add(
            sum(len(tracker.update(NOBODY, None, (start + gap) / 30)) for gap in range(1, 6))
        )
    assert reported == {3}


def test_a_coasting_box_is_never_inverted() -> None:
    tracker = DeepSort(DeepSortConfig(coast_s=2.0))
    for frame in range(6):
        tracker.update(seen(person(200, height=150 * 0.8**frame)), None, frame / 30)
    for frame in range(6, 40):
        boxes = tracker.update(NOBODY, None, frame / 30).boxes
        assert (boxes[:, 2:] >= boxes[:, :2]).all()


@pytest.mark.parametrize("steady_size", [True, False])
def test_a_hidden_person_does_not_shrink_on(steady_size: bool) -> None:
    tracker = DeepSort(DeepSortConfig(steady_size=steady_size, coast_s=1.0))
    for frame in range(6):
        tracks = tracker.update(seen(person(200, height=150 - 10 * frame)), None, frame / 30)
    tall = tracks.boxes[0, 3] - tracks.boxes[0, 1]
    for frame in range(6, 12):
        tracks = tracker.update(NOBODY, None, frame / 30)
    left = tracks.boxes[0, 3] - tracks.boxes[0, 1]
    assert (left > 0.95 * tall) == steady_size


def test_weak_detections_continue_tracks_but_start_none() -> None:
    tracker = DeepSort(DeepSortConfig(min_confidence=0.3, high_confidence=0.65))
    for _ in range(5):
        assert len(tracker.update(seen(ANNA, score=0.5))) == 0
    ids_after(tracker, 3)
    tracks = tracker.update(seen(ANNA, score=0.5))
    assert tracks.ids.tolist() == [1]
    assert tracks.observed.tolist() == [True]
    assert not tracker.update(seen(ANNA, score=0.2)).observed.any()


def test_the_thresholds_themselves_are_included() -> None:
    config = DeepSortConfig(min_confidence=0.3, high_confidence=0.65, n_init=1)
    tracker = DeepSort(config)
    assert len(tracker.update(seen(ANNA, score=0.65))) == 1
    assert tracker.update(seen(ANNA, score=0.3)).observed.tolist() == [True]


def test_ids_count_from_one_and_never_return() -> None:
    generator = np.random.default_rng(0)
    tracker = DeepSort(DeepSortConfig(n_init=1, max_age_s=0.1))
    last_seen: dict[int, int] = {}
    for frame in range(300):
        places = generator.choice(20, int(generator.integers(0, 6)), replace=False)
        tracks = tracker.update(seen(*(person(200 * place) for place in places)))
        for name in tracks.ids.tolist():
            assert frame - last_seen.get(name, frame) <= 4, "a dead track's id came back"
            last_seen[name] = frame
    assert sorted(last_seen) == list(range(1, len(last_seen) + 1))
    assert len(last_seen) > 100


def test_two_trackers_do_not_share_ids() -> None:
    one, other = DeepSort(), DeepSort()
    for _ in range(3):
        first = one.update(seen(ANNA, person(500)))
        second = other.update(seen(person(900)))
    assert first.ids.tolist() == [1, 2]
    assert second.ids.tolist() == [1]


def test_reset_starts_again() -> None:
    tracker = DeepSort()
    for frame in range(5):
        tracker.update(seen(ANNA, person(500)), looks(0, 1), 100 + frame / 30)
    tracker.reset()
    assert len(tracker._tracks) == 0
    for frame in range(3):
        # Another encoder and an earlier time are fine after a reset.
        tracks = tracker.update(seen(person(500)), looks(2, size=5), frame / 30)
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s.tolist() == [pytest.approx(2 / 30)]


def test_the_confidence_is_that_of_the_last_detection_and_the_class_that_of_the_first() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1))
    for score, kind in ((0.9, 0), (0.7, 2), (0.8, 0)):
        tracks = tracker.update(Detections(np.array([ANNA]), np.array([score]), np.array([kind])))
        assert tracks.ids.tolist() == [1]
        assert tracks.scores.tolist() == [np.float32(score)]
        assert tracks.classes.tolist() == [0]


def test_a_person_does_not_turn_into_the_bicycle_beside_them() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1, duplicate_cover=1.0))
    bicycle = person(225, 340, 80, 90)
    for _ in range(5):
        tracker.update(Detections(np.array([ANNA]), np.array([0.9]), np.array([0])))
    for _ in range(3):  # the person is hidden, and the bicycle is not
        tracks = tracker.update(Detections(np.array([bicycle]), np.array([0.9]), np.array([1])))
    assert tracks.classes[tracks.observed].tolist() == [1]
    assert tracks.ids[tracks.observed].tolist() == [2]


@pytest.mark.parametrize("max_age_s", [2.0, 30.0])
def test_who_comes_in_where_somebody_went_out_is_somebody_else(max_age_s: float) -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1, max_age_s=max_age_s, max_cosine_distance=1.0))
    image = np.zeros((600, 800, 3), np.uint8)
    for frame in range(31):
        tracker.update(seen(person(740 + 4 * frame)), looks(0), frame / 30, image)
    for frame in range(31, 90):
        tracker.update(NOBODY, None, frame / 30, image)
    tracks = tracker.update(seen(person(800)), looks(1), 3.0, image)
    assert tracks.ids.tolist() == [2]


def test_without_an_image_its_edge_is_learned_from_the_boxes() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1, max_age_s=30.0, max_cosine_distance=1.0))
    for frame in range(31):
        left, top, right, bottom = person(700 + 4 * frame)
        tracker.update(seen((left, top, min(right, 800), bottom)), looks(0), frame / 30)
    for frame in range(31, 90):
        tracker.update(NOBODY, None, frame / 30)
    assert len(tracker._tracks) == 0


def test_a_camera_that_was_away_makes_nobody_leave() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1, max_cosine_distance=1.0))
    image = np.zeros((600, 800, 3), np.uint8)
    for frame in range(31):
        tracker.update(seen(person(700 + 2 * frame)), looks(0), frame / 30, image)
    tracks = tracker.update(seen(person(790)), looks(0), 2.2, image)
    assert tracks.ids.tolist() == [1]


def test_who_is_lost_inside_the_image_is_found_again() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1, max_age_s=5.0))
    image = np.zeros((600, 800, 3), np.uint8)
    for frame in range(10):
        tracker.update(seen(ANNA), looks(0), frame / 30, image)
    tracks = tracker.update(seen(ANNA), looks(0), 4.0, image)
    assert tracks.ids.tolist() == [1]


UPPER_BODY = (ANNA[0] + 5, ANNA[1] + 4, ANNA[2] - 5, ANNA[1] + 90)
LEGS = (ANNA[0] + 5, ANNA[1] + 70, ANNA[2] - 5, ANNA[3] - 2)
CHILD = (ANNA[0] + 10, ANNA[1] + 70, ANNA[2] - 10, ANNA[3] - 2)


@pytest.mark.parametrize(
    ("nested", "identities", "people"),
    [
        (UPPER_BODY, None, 1),  # the same head
        (UPPER_BODY, (0, 1), 1),
        (LEGS, (0, 0), 1),  # the same clothes
        (CHILD, (0, 1), 2),  # another head, and other clothes
        (CHILD, None, 2),
    ],
)
def test_two_nested_boxes_of_one_person_are_one_track(
    nested: tuple[float, ...], identities: tuple[int, int] | None, people: int
) -> None:
    for boxes in ((ANNA, nested), (nested, ANNA)):
        tracker = DeepSort()
        embeddings = None if identities is None else looks(*identities)
        for _ in range(4):
            tracks = tracker.update(seen(*boxes), embeddings)
        assert len(tracks) == people


def test_a_nested_box_of_another_class_is_another_track() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1))
    boxes = Detections(np.array([ANNA, UPPER_BODY]), np.array([0.9, 0.8]), np.array([0, 24]))
    assert tracker.update(boxes).classes.tolist() == [0, 24]


def test_the_picture_is_not_needed() -> None:
    tracker, other = DeepSort(), DeepSort()
    for _ in range(4):
        tracks = tracker.update(seen(ANNA), frame=np.zeros((4, 4, 3), np.uint8))
        same = other.update(seen(ANNA))
        np.testing.assert_array_equal(tracks.boxes, same.boxes)
