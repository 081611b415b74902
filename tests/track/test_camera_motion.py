"""Camera motion on pictures that were moved by known amounts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from reid_tracker.arrays import FloatArray
from reid_tracker.config import DeepSortConfig
from reid_tracker.track import DeepSort
from reid_tracker.track.camera_motion import CameraMotion
from reid_tracker.track.kalman import BoxKalmanFilter
from reid_tracker.types import ImageBGR
from tests.track.scenes import looks, person, seen

WIDTH, HEIGHT = 960, 540
NOBODY = np.empty((0, 4))


def textured(seed: int = 0) -> ImageBGR:
    """A picture with corners, larger than a frame."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (24, 36, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (1440, 960), interpolation=cv2.INTER_CUBIC), np.uint8)


WORLD = textured()


def view(x: float, y: float, angle: float = 0.0, scale: float = 1.0) -> ImageBGR:
    """What a camera sees that looks at (x, y), turned and zoomed."""
    there = cv2.getRotationMatrix2D((x, y), angle, scale)
    there[:, 2] -= np.array([x - WIDTH / 2, y - HEIGHT / 2])
    return np.asarray(cv2.warpAffine(WORLD, there, (WIDTH, HEIGHT)), np.uint8)


def motion_between(*views: ImageBGR, people: FloatArray = NOBODY) -> FloatArray | None:
    camera = CameraMotion()
    for one in views:
        motion = camera.estimate(one, people)
    return motion


@pytest.mark.parametrize(("dx", "dy"), [(12, 0), (-20, 8), (3, -2)])
def test_a_shift_is_found(dx: int, dy: int) -> None:
    motion = motion_between(view(700, 480), view(700 + dx, 480 + dy))
    assert motion is not None
    np.testing.assert_allclose(motion, [[1, 0, -dx], [0, 1, -dy]], atol=0.3)


def test_turn_and_zoom_are_found() -> None:
    motion = motion_between(view(700, 480), view(700, 480, angle=2, scale=1.02))
    assert motion is not None
    centre = np.array([WIDTH / 2, HEIGHT / 2, 1])
    np.testing.assert_allclose(motion @ centre, centre[:2], atol=0.5)
    assert np.hypot(*motion[:, 0]) == pytest.approx(1.02, abs=0.002)
    assert np.degrees(np.arctan2(-motion[1, 0], motion[0, 0])) == pytest.approx(2, abs=0.1)


def test_a_camera_that_stands_still_gives_none_also_with_noise_and_people() -> None:
    generator = np.random.default_rng(1)
    camera = CameraMotion()
    for step in range(10):
        frame = view(700, 480).astype(np.int16) + generator.integers(-8, 9, (HEIGHT, WIDTH, 3))
        left = 100 + 40 * step
        frame[200:500, left : left + 150] = generator.integers(0, 256, 3)
        people = np.array([[left, 200, left + 150, 500]], np.float64)
        assert camera.estimate(frame.clip(0, 255).astype(np.uint8), people) is None


def test_people_do_not_count_as_the_picture() -> None:
    """A crowd that fills half of the picture walks one way while the camera turns the other."""
    first, second = view(700, 480), view(715, 480)
    first[:, :480] = textured(5)[:HEIGHT, 100:580]
    second[:, :480] = textured(5)[:HEIGHT, 70:550]
    motion = motion_between(first, second, people=np.array([[0, 0, 480, HEIGHT]], np.float64))
    assert motion is not None
    np.testing.assert_allclose(motion[:, 2], [-15, 0], atol=0.3)


def test_a_slow_movement_adds_up() -> None:
    camera = CameraMotion()
    total = np.zeros(2)
    for step in range(30):
        motion = camera.estimate(view(700 + 0.5 * step, 480), NOBODY)
        total += 0 if motion is None else motion[:, 2]
    assert total[0] == pytest.approx(-14.5, abs=2)


def test_where_nothing_can_be_followed_there_is_no_motion() -> None:
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert motion_between(flat, flat + np.uint8(60)) is None
    assert motion_between(view(700, 480), textured(9)[:HEIGHT, :WIDTH]) is None
    assert motion_between(view(700, 480), view(700, 480)[:480, :640]) is None
    tiny = np.zeros((4, 4, 3), np.uint8)
    assert motion_between(tiny, tiny + np.uint8(200)) is None


def test_the_filter_moves_with_the_picture() -> None:
    generator = np.random.default_rng(3)
    kalman = BoxKalmanFilter()
    mean, covariance = kalman.initiate(np.array([[100.0, 200, 0.4, 150], [300, 50, 0.5, 80]]))
    mean[..., 1] = generator.normal(0, 3, (2, 4))
    angle, scale = 0.03, 1.05
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved, spread = kalman.moved(mean, covariance, np.column_stack([turn, [7, -5]]))
    for row in range(2):
        np.testing.assert_allclose(moved[row, :2, 0], turn @ mean[row, :2, 0] + [7, -5])
        np.testing.assert_allclose(moved[row, :2, 1], turn @ mean[row, :2, 1])
        np.testing.assert_allclose(moved[row, 2], mean[row, 2])
        np.testing.assert_allclose(moved[row, 3], scale * mean[row, 3])
        full = turn @ np.diag(covariance[row, :2, 0]) @ turn.T
        np.testing.assert_allclose(spread[row, :2, 0], np.diag(full))
        np.testing.assert_allclose(spread[row, 3], scale**2 * covariance[row, 3])


def test_people_keep_their_ids_while_the_camera_jumps() -> None:
    """Two people side by side; the camera jumps by as much as they are apart."""
    tracker = DeepSort(DeepSortConfig(camera_motion=True))
    for step in range(16):
        jump = 70 * (step % 4 == 3)
        boxes = [person(400 - jump, 300), person(470 - jump, 300)]
        tracks = tracker.update(seen(*boxes), looks(0, 0), step / 30, view(700 + jump, 480))
        assert tracks.ids.tolist() == [1, 2]
        assert tracks.detection_index.tolist() == [0, 1]
