"""People who were lost inside the image and are seen again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections, Tracks
from tests.track.scenes import Box, looks, person, seen

IMAGE = np.zeros((600, 1400, 3), np.uint8)
ANNA = person(500)


def lost_and_seen_again(
    away_s: float, box: Box = ANNA, identity: int = 0, *, kind: int = 0, **options: float
) -> Tracks:
    """Anna (id 1) is seen for a second; after a pause, somebody is seen for half a second."""
    tracker = DeepSort(DeepSortConfig(**options))  # type: ignore[arg-type]
    for frame in range(10):
        tracker.update(seen(ANNA), looks(0), frame / 10, IMAGE)
    for frame in range(10, round(10 + 10 * away_s)):
        tracker.update(Detections.empty(), None, frame / 10, IMAGE)
    for frame in range(5):
        found = seen(box)
        found.classes[:] = kind
        time_s = 1 + away_s + frame / 10
        tracks = tracker.update(found, looks(identity), time_s, IMAGE)
    return tracks


@pytest.mark.parametrize("max_age_s", [2.0, 5.0, 10.0])
def test_who_is_lost_gets_the_id_back_however_short_a_life_is(max_age_s: float) -> None:
    tracks = lost_and_seen_again(12.0, person(600), max_age_s=max_age_s)
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s.tolist() == [pytest.approx(13.4)]


def test_who_turned_round_while_hidden_is_recovered_before_the_track_is_lost() -> None:
    """The prediction walks on to the right; Anna comes back on the left."""
    for recover_s, ids in ((30.0, [1]), (0.0, [2])):
        tracker = DeepSort(DeepSortConfig(recover_s=recover_s, max_age_s=5.0))
        for frame in range(20):
            tracker.update(seen(person(400 + 10 * frame)), looks(0), frame / 20, IMAGE)
        for frame in range(20, 38):
            tracker.update(Detections.empty(), None, frame / 20, IMAGE)
        for frame in range(38, 44):
            tracks = tracker.update(seen(person(340)), looks(0), frame / 20, IMAGE)
        assert tracks.ids.tolist() == ids
    assert int((~tracker._memory._free).sum()) == 2


def test_nobody_is_recovered_after_the_limit_or_without_it() -> None:
    assert lost_and_seen_again(9.0, recover_s=10.0).ids.tolist() == [1]
    assert lost_and_seen_again(11.0, recover_s=10.0).ids.tolist() == [2]
    assert lost_and_seen_again(5.0, recover_s=0.0).ids.tolist() == [2]


def test_who_looks_different_is_somebody_else() -> None:
    assert lost_and_seen_again(5.0, identity=1).ids.tolist() == [2]


def test_nobody_walks_faster_than_a_height_per_second() -> None:
    assert lost_and_seen_again(4.0, person(1150)).ids.tolist() == [1]  # 650 of 855 pixels
    assert lost_and_seen_again(2.5, person(1150)).ids.tolist() == [2]  # 650 of 630 pixels


def test_nobody_grows_to_three_times_the_height_nor_changes_class() -> None:
    assert lost_and_seen_again(5.0, person(500, height=300)).ids.tolist() == [1]
    assert lost_and_seen_again(5.0, person(500, height=450)).ids.tolist() == [2]
    assert lost_and_seen_again(5.0, kind=2).ids.tolist() == [2]


def test_who_was_there_before_the_other_was_lost_keeps_the_id() -> None:
    """Bert looks like Anna, and has stood beside her: he is not her when she is gone."""
    tracker = DeepSort(DeepSortConfig(n_init=3, max_age_s=1.0))
    bert = person(700)
    for frame in range(12):
        boxes = [ANNA] if frame < 8 else [ANNA, bert]
        tracker.update(seen(*boxes), looks(*[0] * len(boxes)), frame / 10, IMAGE)
    for frame in range(12, 40):
        tracks = tracker.update(seen(bert), looks(0), frame / 10, IMAGE)
    assert tracks.ids.tolist() == [2]


def test_who_was_lost_inside_stays_lost_though_the_prediction_walks_out() -> None:
    """Anna walks to the right and is hidden half way; a second later she is predicted outside."""

    def ids(last: int, back: int, away: int = 50) -> list[int]:
        tracker = DeepSort()
        for frame in range(10):
            box = person(last - 60 * (9 - frame))
            tracker.update(seen(box), looks(0), frame / 10, IMAGE)
        for frame in range(10, away):
            tracker.update(Detections.empty(), None, frame / 10, IMAGE)
        for frame in range(away, away + 5):
            tracks = tracker.update(seen(person(back)), looks(0), frame / 10, IMAGE)
        return [int(one) for one in tracks.ids]

    assert ids(1000, 1000) == [1]
    assert ids(1370, 1000) == [1]  # she turned round at the border while she was hidden
    assert ids(1370, 1000, away=62) == [2]  # she has left
    assert ids(1000, 1370) == [2]  # who comes in over the border may be anybody


def test_two_lost_people_get_their_own_ids_back() -> None:
    tracker = DeepSort()
    for frame in range(10):
        tracker.update(seen(ANNA, person(700)), looks(0, 1), frame / 10, IMAGE)
    for frame in range(10, 50):
        tracker.update(Detections.empty(), None, frame / 10, IMAGE)
    for frame in range(50, 55):  # each where the other was
        tracks = tracker.update(seen(ANNA, person(700)), looks(1, 0), frame / 10, IMAGE)
    assert tracks.ids.tolist() == [1, 2]
    assert tracks.detection_index.tolist() == [1, 0]


def test_a_recovered_person_can_be_lost_and_recovered_again() -> None:
    tracker = DeepSort()
    for visit in range(3):
        for frame in range(5):
            tracks = tracker.update(seen(ANNA), looks(0), 10 * visit + frame / 10, IMAGE)
        assert tracks.ids.tolist() == [1]
    assert int((~tracker._memory._free).sum()) == 1


def test_ids_stay_in_order_and_later_people_get_new_ones() -> None:
    tracker = DeepSort()
    for frame in range(10):
        tracker.update(seen(ANNA), looks(0), frame / 10, IMAGE)
    for frame in range(10, 50):
        tracker.update(seen(person(900)), looks(1), frame / 10, IMAGE)
    for frame in range(50, 60):
        boxes = seen(person(900), ANNA, person(200))
        tracks = tracker.update(boxes, looks(1, 0, 2), frame / 10, IMAGE)
    assert tracks.detection_index.tolist() == [1, 0, 2]
    assert tracks.ids.tolist()[:2] == [1, 2]
    assert tracks.ids[2] > 2


def test_where_a_person_was_lost_moves_with_the_camera() -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (30, 80, 3)).astype(np.uint8)
    world = cv2.resize(coarse, (2400, 600), interpolation=cv2.INTER_CUBIC)
    tracker = DeepSort(DeepSortConfig(max_age_s=1.0))
    for frame in range(60):
        left = 20 * min(max(frame - 10, 0), 30)  # pans by 600 pixels
        view = np.asarray(world[:, left : left + 1200].copy(), np.uint8)
        visible = frame < 10 or frame > 45
        boxes = seen(person(1000 - left)) if visible else Detections.empty()
        tracks = tracker.update(boxes, looks(0) if visible else None, frame / 20, view)
    assert tracks.ids.tolist() == [1]
    lost = tracker._recovery.lost
    assert len(lost) == 0


def test_a_clock_that_was_set_back_forgets_nobody() -> None:
    tracker = DeepSort()
    for frame in range(10):
        tracker.update(seen(ANNA), looks(0), 1000 + frame / 10, IMAGE)
    for frame in range(10, 50):
        tracker.update(Detections.empty(), None, 1000 + frame / 10, IMAGE)
    for frame in range(5):
        tracks = tracker.update(seen(ANNA), looks(0), frame / 10, IMAGE)
    assert tracks.ids.tolist() == [1]


def test_an_unseen_track_does_not_take_whom_a_lost_one_looks_more_like() -> None:
    """Bert is lost, then Anna, who looks a bit like him; he comes out near her prediction."""
    anna, bert = looks(0)[0], np.array([0.5, 0.75**0.5, *[0] * 6], np.float32)
    now = np.array([[0.72, 0.6936, *[0] * 6]], np.float32)  # 0.28 from Anna and 0.04 from Bert

    def ids(place: Box, *, bert_is_known: bool) -> list[int]:
        tracker = DeepSort()
        for frame in range(40):
            both = bert_is_known and frame < 10
            boxes = seen(ANNA, person(700)) if both else seen(ANNA)
            rows = np.stack([anna, bert]) if both else anna[None]
            tracker.update(boxes, rows, frame / 10, IMAGE)
        for frame in range(40, 50):
            tracker.update(Detections.empty(), None, frame / 10, IMAGE)
        for frame in range(50, 55):
            tracks = tracker.update(seen(place), now, frame / 10, IMAGE)
        found: list[int] = tracks.ids.tolist()
        return found

    assert ids(person(550), bert_is_known=True) == [2]
    assert ids(person(550), bert_is_known=False) == [1]
    assert ids(ANNA, bert_is_known=True) == [1]  # where Anna is expected
