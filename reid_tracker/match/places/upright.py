"""A camera's focal length, tilt, roll and height above the ground, from people who walk.

The camera is a pinhole with square pixels and its principal point in the middle of the picture.
People stand upright on a plane and are equally tall on average. So where a box ends says how tall
it must be (Lv, Zhao and Nevatia 2006, "Camera calibration from video of a walking human"). And one
person walks equally fast towards the camera and across, which tells a long lens from a high camera.
The fit has a robust loss, and an unknown deviation of each person from the mean height and speed.

Camera coordinates: x to the right, y downwards, z forward. Ground coordinates: origin below the
camera, x to the right, y away from it, in metres.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.match.places.people import People

FOOT_ERROR = 0.05
"""Standard deviation of an edge of a box in box heights, as DeepSORT (2017) has it."""

MIN_PEOPLE = 5
MIN_PLACES = 40
_LEAST_SPREAD = 1.25  # how much taller the tallest boxes must be than the shortest ones
_WORST_FOCAL_SD = 0.3
_HEIGHT_SD = 0.06  # of adults, as a part of their mean
_SPEED_M_S, _SPEED_SD = 1.3, 0.3  # of walkers; the deviation is a part of it
_SPEED_ERROR = 0.2
# Priors: logarithms of the focal length in picture widths and of metres; radians for the roll.
_FOCAL, _FOCAL_SD = np.log(0.9), 0.5
_ABOVE, _ABOVE_SD = np.log(4.0), 0.8
_ROLL_SD = np.radians(3.0)
_STARTS = [
    (np.log(focal), np.radians(tilt), 0.0, np.log(metres))
    for focal in (0.5, 0.8, 1.2, 2.0)
    for tilt in (5.0, 15.0, 30.0, 50.0)
    for metres in (2.5, 5.0, 10.0)
]
_FINISHED = 4  # of the starts that fit best
BOUNDS = (
    np.array([np.log(0.2), np.radians(-10), np.radians(-20), np.log(0.5)]),
    np.array([np.log(8.0), np.radians(80), np.radians(20), np.log(60.0)]),
)
"""Lowest and highest `Upright.parameters`."""


class Upright(NamedTuple):
    """A camera above the ground.

    Attributes:
        focal: focal length in picture widths.
        tilt: angle of the view below the horizontal, radians.
        roll: angle of the camera about its view, radians; positive if the horizon falls to the
            right.
        metres: height of the camera above the ground.
    """

    focal: float
    tilt: float
    roll: float
    metres: float

    @classmethod
    def of(cls, parameters: FloatArray) -> Upright:
        """Return the camera of (4,) `parameters`."""
        focal, tilt, roll, metres = parameters.tolist()
        return cls(float(np.exp(focal)), tilt, roll, float(np.exp(metres)))

    @property
    def parameters(self) -> FloatArray:
        """(4,) log focal length, tilt, roll, log height."""
        return np.array([np.log(self.focal), self.tilt, self.roll, np.log(self.metres)])

    @property
    def up(self) -> FloatArray:
        """(3,) the direction away from the ground, in camera coordinates."""
        level = np.cos(self.tilt)
        return np.array([np.sin(self.roll) * level, -np.cos(self.roll) * level, -np.sin(self.tilt)])

    def heights(self, feet: FloatArray, person_m: float) -> FloatArray:
        """Return how tall people at (N, 2) feet are in the picture, NaN above the horizon."""
        up = self.up
        below = -(feet @ up[:2] / self.focal + up[2])
        below = np.where(below > 1e-6, below, np.nan) * person_m / self.metres
        nearer = 1 + below * up[2]
        heads = (feet[:, 1] + self.focal * below * up[1]) / np.where(nearer > 1e-3, nearer, np.nan)
        heights: FloatArray = feet[:, 1] - heads
        return heights

    def homography(self) -> FloatArray:
        """Return (3, 3) from feet in picture widths, see `People.feet`, to the ground in metres."""
        up = self.up
        ahead = np.array([0.0, 0.0, 1.0]) - up[2] * up
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, up)
        rays = np.diag([1 / self.focal, 1 / self.focal, 1.0])
        return np.stack([self.metres * right, self.metres * ahead, -up]) @ rays


class UprightFit(NamedTuple):
    """A fitted camera and its errors.

    Attributes:
        camera: the camera.
        people: how many people it was fitted to.
        places: how many boxes.
        focal_sd: standard deviation of the focal length, as a part of it.
        error: median error of the heights of boxes, as a part of them.
    """

    camera: Upright
    people: int
    places: int
    focal_sd: float
    error: float


class UprightPeople:
    """What the fit of one camera compares with.

    Attributes:
        people: what the camera saw.
        person_m: mean height of people, metres.
    """

    def __init__(self, name: str, people: People, person_m: float) -> None:
        """Choose the observations.

        Raises:
            InputError: there are too few people or boxes, or all are at one distance.
        """
        self.people, self.person_m = people, person_m
        glimpses = people.glimpses()
        self._places, (start, end) = glimpses.walked(), glimpses.walks()
        self._walkers = glimpses.ids[start]
        self._ends = np.stack([glimpses.feet[start], glimpses.feet[end]], axis=1)
        self._seconds = glimpses.times_s[end] - glimpses.times_s[start]
        self.count = len(np.unique(self._places.ids))
        if self.count < MIN_PEOPLE or len(self._places.ids) < MIN_PLACES:
            raise InputError(
                f"camera '{name}': {self.count} people walk in full view, in "
                f"{len(self._places.ids)} places: expected at least {MIN_PEOPLE} people in "
                f"{MIN_PLACES} places; give a longer recording, or use --points"
            )
        low, high = np.percentile(self._places.tall, [5, 95])
        if high < _LEAST_SPREAD * low:
            raise InputError(
                f"camera '{name}': all people are about equally far away "
                f"({low * people.width:.0f} to {high * people.width:.0f} pixels tall): expected "
                "people near and far; give a longer recording, or use --points"
            )

    def residuals(self, camera: Upright) -> FloatArray:
        """Return errors of heights and speeds, and priors, in standard deviations."""
        feet, tall, homography = self._places.feet, self._places.tall, camera.homography()
        predicted = np.maximum(camera.heights(feet, self.person_m), 1e-6)
        heights = np.nan_to_num(np.log(tall / predicted), nan=3.0)
        ends = self._ends @ homography[:, :2].T + homography[:, 2]
        metres = ends[..., :2] / np.maximum(ends[..., 2:], 1e-6)
        speeds = np.linalg.norm(metres[:, 1] - metres[:, 0], axis=1) / self._seconds
        speeds = np.log(np.maximum(speeds, 1e-6) / _SPEED_M_S)
        priors = (
            (np.log(camera.focal) - _FOCAL) / _FOCAL_SD,
            camera.roll / _ROLL_SD,
            (np.log(camera.metres) - _ABOVE) / _ABOVE_SD,
        )
        parts = (
            *_by_person(heights, self._places.ids, np.sqrt(2) * FOOT_ERROR, _HEIGHT_SD),
            *_by_person(speeds, self._walkers, _SPEED_ERROR, _SPEED_SD),
            priors,
        )
        return np.concatenate(parts)

    def fit(self, camera: Upright, focal_sd: float) -> UprightFit:
        """Return a fitted camera with its errors."""
        errors = self._places.tall / camera.heights(self._places.feet, self.person_m) - 1
        error = float(np.median(np.abs(np.nan_to_num(errors, nan=1.0))))
        return UprightFit(camera, self.count, len(self._places.ids), focal_sd, error)


def fit_upright(name: str, seen: UprightPeople) -> UprightFit:
    """Fit a camera to the people that it saw; `name` is for messages.

    Raises:
        InputError: the observations leave the focal length open.
    """

    def residuals(parameters: FloatArray) -> FloatArray:
        return seen.residuals(Upright.of(parameters))

    costs = [float((residuals(np.array(start)) ** 2).sum()) for start in _STARTS]
    fits = [
        least_squares(residuals, _STARTS[start], bounds=BOUNDS, x_scale=0.1)
        for start in np.argsort(costs, kind="stable")[:_FINISHED].tolist()
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    focal_sd = float(deviations(np.asarray(best.jac))[0])
    if focal_sd > _WORST_FOCAL_SD:
        raise InputError(
            f"camera '{name}': people leave its focal length open (+-{focal_sd:.0%}): expected "
            "people who walk towards the camera and across; give a longer recording, or use "
            "--points"
        )
    return seen.fit(Upright.of(best.x), focal_sd)


def deviations(jacobian: FloatArray) -> FloatArray:
    """Return the (P,) standard deviations of parameters, from the (R, P) slopes of residuals."""
    deviations: FloatArray = np.sqrt(np.diag(np.linalg.pinv(jacobian.T @ jacobian)))
    return deviations


def robust(errors: FloatArray) -> FloatArray:
    """Return residuals whose squares are Cauchy's loss of errors in standard deviations."""
    residuals: FloatArray = np.sign(errors) * np.sqrt(np.log1p(errors * errors))
    return residuals


def _by_person(
    errors: FloatArray, ids: IntArray, error_sd: float, person_sd: float
) -> tuple[FloatArray, FloatArray]:
    """Estimate each person's own deviation in (N,) errors.

    Returns:
        (N,) residuals of what is left, and the (P,) deviations, all in standard deviations.
    """
    errors = np.clip(errors, -3, 3)
    who = np.unique(ids, return_inverse=True)[1]
    weights = 1 / (1 + (errors / (3 * error_sd)) ** 2)
    total = np.bincount(who, weights) + (error_sd / person_sd) ** 2
    own = np.bincount(who, weights * errors) / total
    return robust((errors - own[who]) / error_sd), own / person_sd
