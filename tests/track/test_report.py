"""Which tracks are reported, and where."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.types import Detections
from tests.track.scenes import looks, person, seen

NOBODY = Detections.empty()


def unseen_reports(config: DeepSortConfig, front: float) -> int:
    """Return for how many frames of 30 a second Anna is reported while somebody stands there."""
    tracker = DeepSort(config)
    for frame in range(10):
        tracker.update(seen(person(200), person(front, 330)), looks(0, 1), frame / 30)
    reports = 0
    for frame in range(10, 60):
        tracks = tracker.update(seen(person(front, 330)), looks(1), frame / 30)
        reports += 1 in tracks.ids.tolist()
    return reports


def test_a_hidden_track_is_reported_for_a_while() -> None:
    config = DeepSortConfig(hidden_s=0.5, max_age_s=3)
    assert unseen_reports(config, front=210) == 15
    assert unseen_reports(config, front=400) == 0
    assert unseen_reports(DeepSortConfig(hidden_s=0.0), front=210) == 0


def test_coasting_needs_nobody_in_front() -> None:
    assert unseen_reports(DeepSortConfig(coast_s=0.2, hidden_s=0.0), front=400) == 6
    assert unseen_reports(DeepSortConfig(coast_s=0.2, hidden_s=0.1), front=210) == 6


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_box_lies_between_filter_and_detector(weight: float) -> None:
    trackers = [DeepSort(DeepSortConfig(matched_weight=w)) for w in (0.0, weight, 1.0)]
    generator = np.random.default_rng(5)
    for _ in range(20):
        found = seen(person(*generator.normal((200, 300), 4)))
        filtered, between, matched = (t.update(found, looks(0)).boxes for t in trackers)
        np.testing.assert_allclose(matched, found.boxes, atol=1e-3)
        np.testing.assert_allclose(between, (1 - weight) * filtered + weight * matched, atol=1e-3)
    assert np.abs(filtered - matched).max() > 0.5


def test_nobody_gives_an_empty_report() -> None:
    tracks = DeepSort().update(NOBODY)
    assert len(tracks) == 0
    assert tracks.boxes.shape == (0, 4)
