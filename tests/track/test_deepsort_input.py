"""Wrong and odd input: refused with one clear line, or simply handled."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import InputError
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections
from tests.track.scenes import looks, person, seen

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NOBODY = Detections.empty()


def tracker_with_a_track() -> DeepSort:
    tracker = DeepSort()
    for _ in range(5):
        tracker.update(seen(person(200)), looks(0))
    return tracker


@pytest.mark.parametrize(
    ("embeddings", "expected"),
    [
        (np.full((1, 8), np.nan), "NaN or infinite"),
        (np.full((1, 8), np.inf), "NaN or infinite"),
        (np.ones((2, 8)), r"\(2, 8\), expected \(1, D\)"),
        (np.ones((0, 8)), r"\(0, 8\), expected \(1, D\)"),
        (np.ones(8), r"\(8,\), expected \(1, D\)"),
        (np.ones((1, 1, 8)), r"\(1, 1, 8\), expected \(1, D\)"),
        (np.ones((1, 9)), "9 columns, this tracker has seen 8"),
    ],
)
def test_wrong_embeddings_are_refused_and_change_nothing(
    embeddings: npt.NDArray[np.float64], expected: str
) -> None:
    tracker, other = tracker_with_a_track(), tracker_with_a_track()
    with pytest.raises(InputError, match=expected) as call:
        tracker.update(seen(person(210)), embeddings.astype(np.float32))
    assert "\n" not in str(call.value)
    tracks, same = (t.update(seen(person(205)), looks(0)) for t in (tracker, other))
    np.testing.assert_array_equal(tracks.boxes, same.boxes)
    np.testing.assert_array_equal(tracks.ages_s, same.ages_s)


def test_embeddings_without_detections_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(1, 8\), expected \(0, D\)"):
        tracker_with_a_track().update(NOBODY, looks(0))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_detections_refuse_what_is_not_finite(bad: float) -> None:
    with pytest.raises(InputError, match="NaN or infinite values in rows"):
        seen((bad, 0, 10, 10))
    with pytest.raises(InputError, match="NaN or infinite values in rows"):
        seen((0, 0, 10, 10), score=bad)


def test_empty_detections_with_every_kind_of_embeddings() -> None:
    fresh = DeepSort()
    for tracker in (fresh, tracker_with_a_track()):
        for embeddings in (None, np.empty((0, 8), np.float32)):
            tracks = tracker.update(NOBODY, embeddings)
            assert not tracks.observed.any()
    for _ in range(3):
        tracks = fresh.update(seen(person(200)), looks(0))
    assert tracks.ids.tolist() == [1]


@pytest.mark.parametrize("width", [0, 3])
def test_no_embeddings_may_have_any_width(width: int) -> None:
    tracker = tracker_with_a_track()
    tracker.update(NOBODY, np.empty((0, width), np.float32))
    assert tracker.update(seen(person(200)), looks(0)).ids.tolist() == [1]


def test_no_embeddings_do_not_fix_the_width() -> None:
    tracker = DeepSort()
    tracker.update(NOBODY, np.empty((0, 3), np.float32))
    tracker.update(seen(person(200)), looks(0))


def test_embeddings_that_are_no_numbers_are_an_input_error() -> None:
    with pytest.raises(InputError):
        DeepSort().update(seen(person(200)), np.array([["a", "b"]]))


@pytest.mark.parametrize("box", [(50, 50, 50, 90), (50, 50, 90, 50), (50, 50, 50, 50)])
def test_boxes_without_area_are_ignored(box: tuple[float, float, float, float]) -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1))
    for _ in range(3):
        tracks = tracker.update(seen(box, person(300)), looks(0, 1))
        assert tracks.ids.tolist() == [1]
        assert tracks.detection_index.tolist() == [1]


def test_boxes_outside_the_frame_are_tracked() -> None:
    tracker = DeepSort()
    for frame in range(10):
        tracks = tracker.update(seen(person(-300 + 5 * frame, -80)))
    assert tracks.ids.tolist() == [1]
    np.testing.assert_allclose(tracks.boxes, [person(-255, -80)], atol=15)


@pytest.mark.parametrize("scale", [1e-20, 1e-3, 1e4, 1e8, 1e20, 1e30])
def test_every_scale_is_tracked(scale: float) -> None:
    """The filter's noise follows the height, so pixels may be of any size."""
    tracker = DeepSort()
    for frame in range(10):
        box = tuple(scale * edge for edge in person(200 + 5 * frame))
        tracks = tracker.update(seen(box), looks(0))
    assert tracks.ids.tolist() == [1]
    np.testing.assert_allclose(tracks.boxes / scale, [person(245)], atol=15)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (2, 2), (1.5, 1), (1, 3)])
def test_pictures_of_another_size(x: float, y: float) -> None:
    """Two people change places by pixels, not by parts of the picture: numbers stay."""
    tracker, plain = DeepSort(), DeepSort()
    for number in range(12):
        boxes = np.array([person(150 + 5 * number), person(310 + 5 * number)], np.float64)
        expected = plain.update(seen(*boxes), looks(0, 1))
        scale = np.array([x, y, x, y]) if number >= 6 else np.ones(4)
        picture = np.zeros((int(480 * scale[1]), int(640 * scale[0]), 3), np.uint8)
        tracks = tracker.update(seen(*(boxes * scale)), looks(0, 1), frame=picture)
        if number >= 3:
            assert tracks.ids.tolist() == expected.ids.tolist() == [1, 2]
            assert tracks.observed.all()
            assert tracks.detection_index.tolist() == [0, 1]
            # The noise follows the height alone, so that boxes may differ a little for a while.
            np.testing.assert_allclose(tracks.boxes / scale, expected.boxes, atol=4)


def test_a_box_that_jumps_across_scales_does_not_break_the_filter() -> None:
    generator = np.random.default_rng(0)
    tracker = DeepSort(DeepSortConfig(n_init=1, max_iou_distance=1.0, coast_s=0.2))
    for _ in range(200):
        corner = generator.uniform(-1e3, 1e3, 2)
        size = 10 ** generator.uniform(-3, 6, 2)
        tracks = tracker.update(seen((*corner, *(corner + size))))
        assert np.isfinite(tracks.boxes).all()


def test_detections_that_are_all_too_weak_are_as_none() -> None:
    tracker = tracker_with_a_track()
    for _ in range(3):
        tracks = tracker.update(seen(person(200), person(500), score=0.1), looks(0, 1))
        assert not tracks.observed.any()
    assert len(tracker._tracks) == 1


def test_identical_detections_go_to_different_tracks() -> None:
    tracker = DeepSort(DeepSortConfig(duplicate_cover=1.0))
    for _ in range(5):
        tracks = tracker.update(seen(person(200), person(200)), looks(0, 0))
    assert tracks.ids.tolist() == [1, 2]
    assert sorted(tracks.detection_index.tolist()) == [0, 1]


def test_a_crowd() -> None:
    generator = np.random.default_rng(0)
    tracker = DeepSort()
    corner = generator.uniform(0, 4000, (300, 2))
    size = generator.uniform((20, 60), (60, 160), (300, 2))
    for _ in range(4):
        corner += generator.normal(0, 1, corner.shape)
        tracks = tracker.update(seen(*np.concatenate([corner, corner + size], axis=1)))
    assert len(tracks) > 280
    assert len(np.unique(tracks.detection_index)) == len(tracks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((1, 5)),), r"Detections has shape \(1, 5\), expected \(N, 6\)"),
        (("detections",), "Detections is not numeric: it is or holds a str"),
        ((seen(person(200)), looks(0), 1.7e18), "expected seconds"),
        ((seen(person(200)), looks(0), 10**400), "expected seconds"),
        ((seen(person(200)), looks(0), 1.0, np.zeros((3, 9, 9), np.uint8)), "expected uint8"),
        ((seen(person(200)), looks(0), "1.0"), "timestamp_s = '1.0'"),
        ((seen(person(200)), looks(0), np.zeros(2)), "timestamp_s = "),
        ((seen(person(200)), looks(0), float("nan")), "timestamp_s = nan"),
        ((seen(person(200)), looks(0), 1.0, np.zeros((0, 4, 3))), "expected uint8"),
        ((seen(person(200)), looks(0), 1.0, "frame.png"), "image is a str"),
    ],
)
def test_a_refused_call_leaves_the_tracker_as_it_was(
    arguments: tuple[Any, ...], message: str
) -> None:
    tracker, other = DeepSort(), DeepSort()
    for number in range(4):
        tracker.update(seen(person(200)), looks(0), number / 30)
        other.update(seen(person(200)), looks(0), number / 30)
    with pytest.raises(InputError, match=message):
        tracker.update(*arguments)
    after = [one.update(seen(person(200)), looks(0), 4 / 30) for one in (tracker, other)]
    np.testing.assert_array_equal(after[0].boxes, after[1].boxes)
    assert after[0].ids.tolist() == after[1].ids.tolist() == [1]


def test_a_timestamp_may_be_an_array_scalar() -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1))
    for time_s in (np.float32(0), np.int64(1), np.array(2.0)):
        assert len(tracker.update(seen(person(200)), None, time_s)) == 1  # type: ignore[arg-type]


def test_a_copy_goes_on_alone() -> None:
    tracker = tracker_with_a_track()
    other = copy.deepcopy(tracker)
    tracker.update(NOBODY)
    tracks = other.update(seen(person(205)), looks(0))
    assert tracks.ids.tolist() == [1]
    assert tracks.observed.tolist() == [True]
