"""One camera from the people in its picture: focal length, tilt, roll and height are recovered."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.match.places.homography import apply_homography
from reid_tracker.match.places.people import People
from reid_tracker.match.places.upright import Upright, UprightFit, UprightPeople, fit_upright
from tests.match.places.walkers import paths, seen

DOOR = Upright(0.8, np.radians(15), np.radians(1), 3.5)
YARD = Upright(1.4, np.radians(15), np.radians(-2), 7.0)
AREAS = {
    DOOR: (np.array([-8.0, 3]), np.array([8.0, 25])),
    YARD: (np.array([-9.0, 10]), np.array([9.0, 40])),
}


def fitted(camera: Upright, seed: int, noise: float, outliers: float) -> UprightFit:
    rng = np.random.default_rng(seed)
    people = seen(rng, camera, np.zeros(3), paths(rng, 15, 60.0, AREAS[camera]), noise, outliers)
    return fit_upright("door", UprightPeople("door", people, 1.7))


@pytest.mark.parametrize("camera", [DOOR, YARD])
def test_exact_boxes_give_the_camera(camera: Upright) -> None:
    fit = fitted(camera, 0, 0.0, 0.0)
    assert fit.camera.focal == pytest.approx(camera.focal, rel=0.06)
    assert fit.camera.tilt == pytest.approx(camera.tilt, abs=np.radians(1))
    assert fit.camera.roll == pytest.approx(camera.roll, abs=np.radians(0.5))
    assert fit.camera.metres == pytest.approx(camera.metres, rel=0.04)
    assert fit.error < 0.05  # people are not equally tall
    assert fit.people == 15


@pytest.mark.slow
@pytest.mark.parametrize("camera", [DOOR, YARD])
@pytest.mark.parametrize("seed", range(4))
def test_noise_and_outliers_move_the_camera_little(camera: Upright, seed: int) -> None:
    fit = fitted(camera, seed, 0.03, 0.1)
    assert fit.camera.focal == pytest.approx(camera.focal, rel=0.15)
    assert fit.camera.tilt == pytest.approx(camera.tilt, abs=np.radians(2.5))
    assert fit.camera.roll == pytest.approx(camera.roll, abs=np.radians(1))
    assert fit.camera.metres == pytest.approx(camera.metres, rel=0.06)
    assert abs(fit.camera.focal / camera.focal - 1) < 3 * fit.focal_sd


def test_heights_are_those_of_the_projection() -> None:
    camera = Upright(1.1, 0.3, 0.05, 4.0)
    feet = np.array([[0.0, 0.2], [0.3, 0.1], [-0.4, 0.25], [0.1, -0.9]])
    found = camera.heights(feet, 1.8)
    assert np.isnan(found[3])  # above the horizon
    ground = apply_homography(camera.homography(), feet[:3])
    ahead = np.array([0, 0, 1]) - camera.up[2] * camera.up
    ahead /= np.linalg.norm(ahead)
    for (x, y), foot, tall in zip(ground, feet, found, strict=False):
        on_ground = x * np.cross(ahead, camera.up) + y * ahead - camera.metres * camera.up
        np.testing.assert_allclose(1.1 * on_ground[:2] / on_ground[2], foot, atol=1e-9)
        head = on_ground + 1.8 * camera.up
        assert foot[1] - 1.1 * head[1] / head[2] == pytest.approx(tall)


def boxes(tall: float | np.ndarray, people: int) -> People:
    """People who stand for three frames at each of twelve places."""
    x = np.tile(np.repeat(np.arange(12), 3) * 90.0 + 100, people)
    half = np.full(len(x), 30.0)
    bottom = np.full(len(x), 600.0)
    box = np.stack([x - half, bottom - tall, x + half, bottom], axis=1)
    times = np.arange(len(x)) / 3
    return People(1280, 720, times, np.repeat(np.arange(people), 36), box)


def test_too_few_people_are_refused() -> None:
    with pytest.raises(InputError, match="'door': 4 people walk in full view, in 4"):
        UprightPeople("door", boxes(150.0, 4), 1.7)


def test_people_at_one_distance_are_refused() -> None:
    with pytest.raises(InputError, match=r"equally far away \(150 to 150 pixels tall\)"):
        UprightPeople("door", boxes(150.0, 6), 1.7)


def test_people_who_say_nothing_of_the_focal_length_are_refused() -> None:
    # They stand still: heights grow linearly with the feet for any focal length.
    standing = boxes(np.repeat(np.linspace(100, 200, 12 * 6), 3), 6)
    standing.boxes[:, [1, 3]] += np.repeat(np.linspace(-350, 50, 12 * 6), 3)[:, None]
    with pytest.raises(InputError, match="leave its focal length open"):
        fit_upright("door", UprightPeople("door", standing, 1.7))
