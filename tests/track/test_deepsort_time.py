"""Time comes from timestamps: slow cameras, dropped frames, no timestamps, clocks that jump."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import InputError
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections
from tests.track.scenes import Box, looks, person, seen

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

NOBODY = Detections.empty()
WALKING_PX_S = 130.0  # 1.5 m/s where 1.7 m are 150 pixels


def walker(timestamp_s: float) -> Box:
    return person(100 + WALKING_PX_S * timestamp_s)


@pytest.mark.parametrize("rate", [4, 7, 15, 25, 30, 60, pytest.param(120, marks=pytest.mark.slow)])
@pytest.mark.parametrize("with_appearance", [True, False])
def test_a_walker_keeps_the_id_at_any_frame_rate(rate: int, with_appearance: bool) -> None:
    tracker = DeepSort()
    for frame in range(6 * rate):
        time_s = frame / rate
        appearance = looks(0) if with_appearance else None
        tracks = tracker.update(seen(walker(time_s)), appearance, time_s)
        assert tracks.ids.tolist() == [1]
        assert tracks.ages_s[0] == pytest.approx(time_s)
        if frame >= 2:
            assert tracks.boxes[0, ::2].mean() == pytest.approx(100 + 130 * time_s, abs=8)


def test_a_walker_keeps_the_id_when_half_of_the_frames_are_dropped() -> None:
    generator = np.random.default_rng(0)
    tracker = DeepSort()
    arrived = np.flatnonzero(generator.random(300) < 0.5)
    assert np.diff(arrived).max() >= 5
    for frame in arrived:
        tracks = tracker.update(seen(walker(frame / 30)), None, frame / 30)
        assert tracks.ids.tolist() == [1]


def test_without_timestamps_frames_come_at_the_nominal_rate() -> None:
    config = DeepSortConfig(nominal_rate=10.0)
    timed, untimed = DeepSort(config), DeepSort(config)
    for frame in range(30):
        detections = seen(walker(frame / 10)) if frame % 7 else NOBODY
        expected = timed.update(detections, None, frame / 10)
        actual = untimed.update(detections)
        np.testing.assert_array_equal(actual.ids, expected.ids)
        np.testing.assert_allclose(actual.boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(actual.ages_s, expected.ages_s, atol=1e-9)
    assert len(actual) == 1


def test_timestamps_may_come_and_go() -> None:
    tracker = DeepSort()
    for frame in range(30):
        time_s = None if frame % 3 else frame / 30
        tracks = tracker.update(seen(walker(frame / 30)), None, time_s)
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s[0] == pytest.approx(29 / 30)


@pytest.mark.parametrize("gap_s", [1 / 60, 1 / 30, 0.1, 0.5, 1.7])
def test_after_a_gap_the_prediction_has_moved_as_far_as_it_should(gap_s: float) -> None:
    tracker = DeepSort(DeepSortConfig(coast_s=2.0, exit_s=2.0))
    for frame in range(61):
        tracker.update(seen(walker(frame / 30)), None, frame / 30)
    tracks = tracker.update(NOBODY, None, 2 + gap_s)
    assert tracks.observed.tolist() == [False]
    moved = tracks.boxes[0, ::2].mean() - (100 + WALKING_PX_S * 2)
    assert moved == pytest.approx(WALKING_PX_S * gap_s, abs=0.02 * WALKING_PX_S * (gap_s + 0.1))


def test_one_gap_predicts_what_empty_frames_predict() -> None:
    at_once, stepwise = (DeepSort(DeepSortConfig(coast_s=1.0, exit_s=2.0)) for _ in range(2))
    for frame in range(30):
        for tracker in (at_once, stepwise):
            tracker.update(seen(walker(frame / 30)), None, frame / 30)
    for frame in range(30, 50):
        expected = stepwise.update(NOBODY, None, frame / 30)
    actual = at_once.update(NOBODY, None, 49 / 30)
    np.testing.assert_allclose(actual.boxes, expected.boxes, atol=1e-3)


def test_the_walker_is_found_again_after_dropped_frames() -> None:
    tracker = DeepSort()
    for frame in range(30):
        tracker.update(seen(walker(frame / 30)), looks(0), frame / 30)
    tracks = tracker.update(seen(walker(2.5)), looks(0), 2.5)
    assert tracks.ids.tolist() == [1]
    assert tracks.observed.tolist() == [True]


@pytest.mark.parametrize("back_to_s", [0.0, 0.5, 99.9])
def test_time_that_goes_backwards_is_logged_and_survived(
    caplog: pytest.LogCaptureFixture, back_to_s: float
) -> None:
    tracker = DeepSort()
    for frame in range(10):
        tracker.update(seen(walker(frame / 30)), None, 100 + frame / 30)
    with caplog.at_level(logging.WARNING, logger="reid_tracker"):
        tracks = tracker.update(seen(walker(10 / 30)), None, back_to_s)
    assert len(caplog.records) == 1
    assert "100.300" in caplog.text
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s[0] == pytest.approx(10 / 30)
    for frame in range(11, 40):
        tracks = tracker.update(seen(walker(frame / 30)), None, back_to_s + (frame - 10) / 30)
        assert tracks.ids.tolist() == [1]
        assert tracks.ages_s[0] == pytest.approx(frame / 30)
    assert len(caplog.records) == 1


@pytest.mark.parametrize("back_to_s", [0.0, 99.9])
def test_absence_is_counted_across_a_clock_that_goes_backwards(back_to_s: float) -> None:
    tracker = DeepSort(DeepSortConfig(max_age_s=1.0, n_init=1))
    tracker.update(seen(person(200)), None, 100.0)
    for frame in range(30):
        tracker.update(NOBODY, None, back_to_s + frame / 30)
        assert len(tracker._tracks) == 1
    tracker.update(NOBODY, None, back_to_s + 30.5 / 30)
    assert len(tracker._tracks) == 0


def test_a_clock_that_stands_still_or_jumps_about_never_gives_a_negative_age() -> None:
    generator = np.random.default_rng(0)
    tracker = DeepSort()
    for frame in range(100):
        time_s = float(generator.choice([0.0, 1e-9, 5.0, -3.0, 1e6, frame / 30]))
        tracks = tracker.update(seen(person(200)), looks(0), time_s)
        assert (tracks.ages_s >= 0).all()
        assert np.isfinite(tracks.boxes).all()


def test_a_repeated_timestamp_counts_as_one_nominal_frame() -> None:
    tracker = DeepSort()
    for _ in range(20):
        tracks = tracker.update(seen(person(200)), None, 7.0)
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s[0] == pytest.approx(19 / 30)


def test_clock_time_of_the_day_is_fine() -> None:
    tracker = DeepSort()
    for frame in range(60):
        time_s = 1.7e9 + frame / 30
        tracks = tracker.update(seen(walker(frame / 30)), looks(0), time_s)
        assert tracks.ids.tolist() == [1]


@pytest.mark.parametrize("time_s", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("frames_before", [0, 5])
def test_a_time_that_is_no_number_is_refused_and_changes_nothing(
    time_s: float, frames_before: int
) -> None:
    tracker = DeepSort(DeepSortConfig(n_init=1))
    for frame in range(frames_before):
        tracker.update(seen(person(200)), None, frame / 30)
    with pytest.raises(InputError, match=f"timestamp_s = {time_s}"):
        tracker.update(seen(person(200)), None, time_s)
    tracks = tracker.update(seen(person(200)), None, frames_before / 30)
    assert tracks.ids.tolist() == [1]
    assert tracks.ages_s[0] == pytest.approx(frames_before / 30)
