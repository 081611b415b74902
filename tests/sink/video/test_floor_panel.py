"""The floor plan beside the cameras."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.sink.video.floor_panel import FloorPanel
from tests.sink.results import make_result, make_tracks, with_identities


def test_the_floor_shows_a_person_once_in_the_middle_of_what_cameras_say() -> None:
    outline = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    places = {"a": np.array([[4.0, 5.0]]), "b": np.array([[6.0, 5.0]])}
    panel = FloorPanel(lambda camera, boxes: (places[camera], np.eye(2)[None]), {"a": outline})
    results = [
        with_identities(make_result(0, make_tracks([1]), timestamp_s=0.0, camera=camera), 3)
        for camera in "ab"
    ]
    panel.add(results, 0.0)
    drawn = np.zeros((324, 324, 3), np.uint8)
    panel.draw(drawn, 0.0)
    assert panel.note == "1 m grid"
    colour = panel._colours[3].astype(int)
    rows, columns = np.nonzero(np.abs(drawn.astype(int) - colour).max(axis=2) < 8)
    # The plan of 10 m fills 300 of the 324 pixels; the middle of both places is (5, 5).
    assert rows.mean() == pytest.approx(162, abs=3)
    assert columns.mean() == pytest.approx(162, abs=3)
    assert np.ptp(columns) < 30
    panel.add([], 60.0)
    panel.draw(drawn, 60.0)
    assert not (np.abs(drawn.astype(int) - colour).max(axis=2) < 8).any()


def test_old_paths_fade_and_far_places_are_left_out() -> None:
    outline = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    at = [np.array([[1.0, 5.0]])]
    panel = FloorPanel(lambda camera, boxes: (at[0], np.eye(2)[None]), {"a": outline}, trail_s=8.0)
    for index in range(81):
        at[0] = np.array([[1 + index / 10, 5.0]]) if index != 40 else np.array([[1.0, 5e4]])
        result = make_result(index, make_tracks([1]), timestamp_s=index / 10, camera="a")
        panel.add([with_identities(result, 3)], index / 10)
    drawn = np.zeros((324, 324, 3), np.uint8)
    panel.draw(drawn, 8.0)
    paper, colour = drawn[100, 35].astype(int), panel._colours[3].astype(int)
    x_of = [round(12 + 30 * metres) for metres in (1.5, 4.0, 8.0)]
    strengths = [np.abs(drawn[162, x].astype(int) - paper).max() for x in x_of]
    assert strengths[0] < strengths[1] < strengths[2]
    assert np.abs(drawn[162, x_of[2]] - colour).max() < 60
    inked = (drawn != drawn[0, 0]).any(axis=2)[:140]  # above the path
    other = np.abs(drawn[:140].astype(int) - colour).max(axis=2) < 60
    assert inked.any()
    assert not other.any()


def test_the_surest_camera_counts_most() -> None:
    seen = {
        "a": (np.array([[4.0, 5.0]]), np.diag([0.1, 9.0])[None]),
        "b": (np.array([[6.0, 7.0]]), np.diag([9.0, 0.1])[None]),
    }
    panel = FloorPanel(lambda camera, boxes: seen[camera], {})
    results = [
        with_identities(make_result(0, make_tracks([1]), timestamp_s=0.0, camera=camera), 3)
        for camera in "ab"
    ]
    panel.add(results, 0.0)
    (place,) = panel._paths[3]
    assert (place.x, place.y) == pytest.approx((4, 7), abs=0.05)
