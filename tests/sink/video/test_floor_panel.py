"""The floor plan beside the cameras."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.sink.video.floor_panel import FloorPanel
from tests.sink.results import make_result, make_tracks, with_identities


def test_the_floor_shows_a_person_once_in_the_middle_of_what_cameras_say() -> None:
    outline = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    places = {"a": np.array([[4.0, 5.0]]), "b": np.array([[6.0, 5.0]])}
    panel = FloorPanel(lambda camera, boxes: places[camera], {"a": outline})
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
