"""Several cameras from the people in their pictures: where they see the same ground."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.match.places.people import People
from reid_tracker.match.places.self_calibration import SelfCalibration, calibrate_from_people
from reid_tracker.match.places.upright import Upright
from tests.match.places.walkers import paths, seen

AREA = (np.array([-9.0, 6]), np.array([9.0, 26]))
SITE = {
    "door": (Upright(0.9, np.radians(15), 0.01, 4.0), np.zeros(3)),
    "hall": (Upright(1.2, np.radians(14), -0.02, 5.0), np.array([1.8, 17.0, 12.0])),
    "yard": (Upright(0.8, np.radians(17), 0.0, 4.5), np.array([np.pi, 1.0, 31.0])),
}


def site(names: Iterable[str], seed: int, noise: float, outliers: float) -> dict[str, People]:
    rng = np.random.default_rng(seed)
    places = paths(rng, 15, 60.0, AREA)
    return {name: seen(rng, *SITE[name], places, noise, outliers) for name in names}


def position_errors(found: SelfCalibration, people: dict[str, People], seed: int) -> np.ndarray:
    """Return distances in metres from the truth, of people whose boxes have no noise."""
    exact = site(people, seed, 0.0, 0.0)
    found_m, true_m = [], []
    for name, one in exact.items():
        camera, (turn, x, y) = SITE[name]
        found_m.append(found.ground.positions(name, one.boxes.astype(np.float32)) @ [1, 1j])
        mapped = np.column_stack([one.feet, np.ones(len(one.feet))]) @ camera.homography().T
        own = mapped[:, :2] / mapped[:, 2:] @ [1, 1j]
        true_m.append(np.exp(1j * turn) * own + x + 1j * y)
    return np.asarray(np.abs(np.concatenate(found_m) - np.concatenate(true_m)))


@pytest.mark.slow
def test_two_cameras_share_the_ground_of_the_first() -> None:
    people = site(["door", "hall"], 1, 0.02, 0.05)
    found = calibrate_from_people(people)
    errors = position_errors(found, people, 1)
    assert np.median(errors) < 0.4
    assert np.quantile(errors, 0.9) < 1.0
    for name, fit in found.fits.items():
        camera = SITE[name][0]
        assert fit.camera.focal == pytest.approx(camera.focal, rel=0.06)
        assert fit.camera.tilt == pytest.approx(camera.tilt, abs=np.radians(1))
    (pair,) = found.agreements
    assert pair.cameras == ("door", "hall")
    assert pair.people == 15
    assert pair.median_m < 0.4
    assert calibrate_from_people(people).ground == found.ground


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_three_cameras_with_noise_and_wrong_identities(seed: int) -> None:
    people = site(SITE, seed, 0.03, 0.1)
    found = calibrate_from_people(people)
    errors = position_errors(found, people, seed)
    assert np.median(errors) < 0.5
    assert np.quantile(errors, 0.9) < 1.2
    assert [pair.cameras for pair in found.agreements] == [
        ("door", "hall"),
        ("door", "yard"),
        ("hall", "yard"),
    ]


@pytest.mark.slow
def test_lengths_are_proportional_to_the_height_of_people() -> None:
    people = site(["door"], 0, 0.02, 0.0)
    small, large = (calibrate_from_people(people, height).fits["door"] for height in (1.5, 1.8))
    assert large.camera.metres / small.camera.metres == pytest.approx(1.2, rel=0.04)
    assert large.camera.tilt == pytest.approx(small.camera.tilt, abs=np.radians(1))


@pytest.mark.slow
def test_cameras_that_share_nobody_are_refused() -> None:
    people = site(["door", "hall"], 0, 0.02, 0.0)
    hall = people["hall"]
    people["hall"] = People(hall.width, hall.height, hall.times_s, hall.ids + 100, hall.boxes)
    with pytest.raises(InputError, match="camera 'hall' shares too few people with the others"):
        calibrate_from_people(people)


@pytest.mark.slow
def test_wrong_identities_are_refused() -> None:
    people = site(["door", "hall"], 0, 0.02, 0.0)
    hall = people["hall"]
    people["hall"] = People(hall.width, hall.height, hall.times_s, hall.ids % 15 + 1, hall.boxes)
    with pytest.raises(InputError, match="do not agree where people stand"):
        calibrate_from_people(people)
