"""Trails remember a bounded past."""

from __future__ import annotations

import numpy as np

from reid_tracker.sink.video.trail import Trail
from tests.sink.results import make_tracks


def test_trails_are_smoothed_and_end_at_the_feet() -> None:
    trail = Trail(5.0)
    rng = np.random.default_rng(3)
    for index in range(50):
        x = 10.0 * index + rng.normal(0, 3)
        trail.add(make_tracks([1], [[x - 5, 0, x + 5, 100 + rng.normal(0, 3)]]), index / 25)
    ((_, points),) = trail.lines(np.array([1]))
    raw = trail._points
    np.testing.assert_allclose(points[[0, -1]], raw[[0, -1]])
    assert np.abs(points[10:-10, 1] - 100).mean() < 0.5 * np.abs(raw[10:-10, 1] - 100).mean()
    np.testing.assert_allclose(points[10:-10, 0], 10 * np.arange(10, 40), atol=4)


def test_trail_forgets_what_is_old() -> None:
    trail = Trail(1.0)
    for index in range(100):
        trail.add(make_tracks([1, 2]), index / 10)
    assert len(trail) == 2 * 11
    ((identity, points),) = trail.lines(np.array([2]))
    assert identity == 2
    assert points.shape == (11, 2)


def test_trail_of_many_short_tracks_stays_small() -> None:
    trail = Trail(1.0)
    for index in range(2000):
        trail.add(make_tracks([index + 1]), index / 10)
    assert len(trail) <= 11
    assert list(trail.lines(np.array([1]))) == []


def test_trail_is_bounded_even_where_time_stands_still() -> None:
    trail = Trail(1e9)
    many = make_tracks(range(1, 5001))
    for index in range(30):
        trail.add(many, index / 1000)
    assert len(trail) <= 55_000


def test_trail_starts_anew_when_time_goes_back() -> None:
    trail = Trail(10.0)
    for time_s in (5.0, 6.0, 0.0):
        trail.add(make_tracks([1]), time_s)
    assert len(trail) == 1
