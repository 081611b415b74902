"""The heat map: where it is warm, in what memory, and what is left after an interruption."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.video.heat_map import HeatMapSink, heat_map
from tests.sink.results import make_result, make_tracks

BOX = [140.0, 40, 180, 120]  # feet at 160, 120


def image(level: int = 90, size: tuple[int, int] = (240, 320)) -> np.ndarray:
    return np.full((*size, 3), level, np.uint8)


def warmth(picture: np.ndarray, background: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(picture.astype(int) - background).sum(axis=2))


def test_it_is_warm_at_the_feet_and_nowhere_else(tmp_path: Path) -> None:
    path = tmp_path / "cam_heatmap.png"
    with HeatMapSink(path) as sink:
        for index in range(20):
            sink.write(make_result(index, make_tracks([1], [BOX]), image(), index / 10))
    picture = cv2.imread(str(path))
    assert picture is not None
    warm = warmth(picture, image())
    assert warm[120, 160] > 100
    assert warm[60, 160] < 10  # the head
    assert warm[120, 60] < 10


def test_time_counts_and_not_frames(tmp_path: Path) -> None:
    """At 30 frames a second and at 5, the same seconds are counted."""
    sinks = []
    for rate in (5, 30):
        sink = HeatMapSink(tmp_path / f"{rate}.png")
        for index in range(4 * rate + 1):
            sink.write(make_result(index, make_tracks([1], [BOX]), image(), index / rate))
        assert sink._seconds is not None
        sinks.append(float(sink._seconds.sum()))
    assert sinks == pytest.approx([4.0, 4.0], abs=1e-3)


def test_people_who_walk_are_not_in_the_background(tmp_path: Path) -> None:
    with HeatMapSink(tmp_path / "a.png") as sink:
        for index in range(100):
            scene = image()
            scene[:, 3 * index : 3 * index + 20] = 255
            sink.write(make_result(index, make_tracks([]), scene, index / 10))
        assert len(sink._frames) <= 15
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    # Of no heat at all, only the legend is drawn.
    assert (picture[:190] == 90).all()


def test_large_frames_are_scaled_and_feet_outside_are_left_out(tmp_path: Path) -> None:
    boxes = [[-50.0, 0, -10, 40], [3000.0, 10, 3840, 5000], [100.0, 100, 200, 400]]
    with HeatMapSink(tmp_path / "a.png") as sink:
        for index in range(2):
            tracks = make_tracks([1, 2, 3], boxes)
            sink.write(make_result(index, tracks, image(90, (2160, 3840)), float(index)))
        assert sink._seconds is not None
        assert sink._seconds.sum() == pytest.approx(1)
    picture = cv2.imread(str(tmp_path / "a.png"))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)


def test_without_frames_there_is_no_file_and_an_existing_one_stays(tmp_path: Path) -> None:
    HeatMapSink(tmp_path / "a.png").close()
    assert not (tmp_path / "a.png").exists()
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        HeatMapSink(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "mine"


def test_a_path_shows_beside_a_place_where_somebody_stood() -> None:
    seconds = np.zeros((60, 80), np.float32)
    seconds[30, 20] = 60
    seconds[10, 10:70] = 0.6
    warm = warmth(heat_map(image(), seconds), image())
    assert warm[120, 80] > 100
    assert warm[40, 240] > 20
