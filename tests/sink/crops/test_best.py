"""The best picture of each track: large, sure, whole; given once, forgotten in the end."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reid_tracker.sink import open_best_crops
from reid_tracker.sink.crops.best import merits_of
from reid_tracker.types import Tracks
from tests.sink.results import make_result


def seen(boxes: list[list[float]], scores: list[float]) -> Tracks:
    count = len(boxes)
    return Tracks(
        ids=np.arange(1, count + 1),
        boxes=np.array(boxes, np.float32),
        scores=np.array(scores, np.float32),
        classes=np.zeros(count, np.int64),
        ages_s=np.zeros(count),
        observed=np.ones(count, np.bool_),
        detection_index=np.arange(count),
    )


def decoded(picture: bytes | None) -> np.ndarray:
    assert picture is not None
    return np.asarray(cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR))


def test_the_best_picture_is_given_once() -> None:
    best = open_best_crops()
    small = np.full((200, 200, 3), 30, np.uint8)
    large = np.full((200, 200, 3), 220, np.uint8)
    best.write(make_result(0, seen([[10, 10, 30, 60]], [0.9]), small, 0.0))
    assert decoded(best.take("cam", 1)).shape == (50, 20, 3)
    assert best.take("cam", 1) is None
    best.write(make_result(1, seen([[10, 10, 60, 150]], [0.9]), large, 0.1))
    best.write(make_result(2, seen([[10, 10, 60, 150]], [0.5]), small, 0.2))
    picture = decoded(best.take("cam", 1))
    assert picture.shape == (140, 50, 3)
    assert picture.mean() == pytest.approx(220, abs=2)
    assert best.take("cam", 1) is None
    assert best.take("other", 1) is None


def test_a_large_picture_is_scaled_down() -> None:
    best = open_best_crops()
    image = np.zeros((1200, 800, 3), np.uint8)
    best.write(make_result(0, seen([[100, 100, 500, 1124]], [0.9]), image, 0.0))
    assert decoded(best.take("cam", 1)).shape == (256, 100, 3)


def test_merit() -> None:
    box = [50.0, 50.0, 90.0, 150.0]
    whole = seen([box], [0.9])
    doubtful = seen([box], [0.5])
    hidden = seen([box, [50.0, 60.0, 70.0, 160.0]], [0.9, 0.9])
    merit = merits_of(whole, whole.boxes)[0]
    assert merits_of(doubtful, doubtful.boxes)[0] < merit
    assert merits_of(hidden, hidden.boxes)[0] < merit
    assert merits_of(whole, np.array([[50, 50, 70, 150]], np.float32))[0] < merit / 2


def test_tracks_long_gone_are_forgotten() -> None:
    best = open_best_crops()
    image = np.zeros((200, 200, 3), np.uint8)
    best.write(make_result(0, seen([[10, 10, 60, 150]], [0.9]), image, 0.0))
    best.write(make_result(1, Tracks.empty(), image, 30.0))
    assert len(best._best) == 1
    best.write(make_result(2, Tracks.empty(), image, 61.0))
    assert not best._best


def test_nobody_and_boxes_outside() -> None:
    best = open_best_crops()
    image = np.zeros((50, 50, 3), np.uint8)
    best.write(make_result(0, Tracks.empty(), image, 0.0))
    best.write(make_result(1, seen([[60, 60, 90, 90]], [0.9]), image, 0.1))
    assert best.take("cam", 1) is None
