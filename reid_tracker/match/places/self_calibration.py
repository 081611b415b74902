"""The ground plane of several cameras from the people whom they see: nothing is measured.

Each camera is fitted alone (`upright`). Where two cameras see the same people at the same moments,
the positions give the turn and the shift between the cameras. Then all cameras are adjusted
together: heights, speeds, and where the feet that one camera sees are in the other's picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from reid_tracker.arrays import FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.match.places.ground import CameraGround, GroundPlane
from reid_tracker.match.places.homography import apply_homography
from reid_tracker.match.places.people import People, meetings
from reid_tracker.match.places.upright import (
    BOUNDS,
    FOOT_ERROR,
    Upright,
    UprightFit,
    UprightPeople,
    deviations,
    fit_upright,
    robust,
)

MEAN_HEIGHT_M = 1.7
MIN_MOMENTS = 20
MIN_SHARED = 3
_MIN_SPREAD_M = 2.0  # of shared positions
_MAX_MOMENTS = 600  # of a pair of cameras
_TRIES = 2000
_ALLOWED_M, _ALLOWED = 0.5, 0.15  # error of a position, and its part of the distance
_LEAST_AGREE = 0.5  # of the shared positions that one turn and shift must explain
_FARTHEST = 20.0  # box heights that an error counts at most


class Agreement(NamedTuple):
    """How well two cameras agree about where people stand.

    Attributes:
        cameras: their names.
        people: how many people both saw.
        moments: how many positions were compared.
        median_m: median distance between the positions, metres.
        most_m: 90th percentile of the distances.
    """

    cameras: tuple[str, str]
    people: int
    moments: int
    median_m: float
    most_m: float


class SelfCalibration(NamedTuple):
    """The ground plane, with errors.

    Attributes:
        ground: homographies of all cameras; the origin is below the first one, in metres.
        fits: the cameras by name.
        agreements: of each pair of cameras that sees enough of the same people.
    """

    ground: GroundPlane
    fits: dict[str, UprightFit]
    agreements: list[Agreement]


class _Shared(NamedTuple):
    """Names of two cameras, and (K,) rows of the people whom both saw at one time."""

    cameras: tuple[str, str]
    rows: tuple[IntArray, IntArray]


def calibrate_from_people(
    people: Mapping[str, People], person_m: float = MEAN_HEIGHT_M
) -> SelfCalibration:
    """Find the ground in the pictures of all cameras. The same people give the same result.

    Args:
        people: what each camera saw, by name.
        person_m: mean height of people, metres; all lengths are proportional to it.

    Raises:
        InputError: a camera saw too few people, or too few in common with the others.
    """
    seen = {name: UprightPeople(name, one, person_m) for name, one in people.items()}
    fits = {name: fit_upright(name, one) for name, one in seen.items()}
    shared = _shared(people)
    poses = _placed({name: fit.camera for name, fit in fits.items()}, people, shared)
    if len(people) > 1:
        fits, poses = _adjusted(seen, fits, poses, shared)
    matrices = {name: _pose_matrix(poses[name]) @ fits[name].camera.homography() for name in poses}
    entries = []
    for name, one in people.items():
        matrix = matrices[name] @ _in_widths(one)
        matrix /= matrix[2, 2] if abs(matrix[2, 2]) > 1e-12 else 1
        entries.append(CameraGround(name, tuple(float(f"{x:.12g}") for x in matrix.flat)))
    agreements = [_agreement(matrices, people, pair) for pair in shared]
    return SelfCalibration(GroundPlane(tuple(entries)), fits, agreements)


def _shared(people: Mapping[str, People]) -> list[_Shared]:
    found = []
    for first, second in combinations(people, 2):
        rows, others = meetings(people[first], people[second], _MAX_MOMENTS)
        if len(rows) >= MIN_MOMENTS and len(np.unique(people[first].ids[rows])) >= MIN_SHARED:
            found.append(_Shared((first, second), (rows, others)))
    return found


def _placed(
    cameras: Mapping[str, Upright], people: Mapping[str, People], shared: list[_Shared]
) -> dict[str, FloatArray]:
    """Return turn and shift of each camera against the first: (3,) radians, metres, metres.

    The camera that shares most positions with those already placed comes next.
    """
    poses = {next(iter(cameras)): np.zeros(3)}
    while len(poses) < len(cameras):
        ready = [pair for pair in shared if sum(name in poses for name in pair.cameras) == 1]
        if not ready:
            lost = next(name for name in cameras if name not in poses)
            raise InputError(
                f"camera '{lost}' shares too few people with the others: expected {MIN_SHARED} "
                f"people with the same number in both, at {MIN_MOMENTS} common moments; check that "
                "views overlap and clocks agree, or use --points"
            )
        pair = max(ready, key=lambda one: len(one.rows[0]))
        known, new = sorted(pair.cameras, key=lambda name: name not in poses)
        places = {
            name: apply_homography(cameras[name].homography(), people[name].feet[rows])
            for name, rows in zip(pair.cameras, pair.rows, strict=True)
        }
        between = _rigid((known, new), places[known], places[new])
        joined = _pose_matrix(poses[known]) @ _pose_matrix(between)
        poses[new] = np.array([poses[known][0] + between[0], joined[0, 2], joined[1, 2]])
    return {name: poses[name] for name in cameras}


def _rigid(names: tuple[str, str], known_m: FloatArray, new_m: FloatArray) -> FloatArray:
    """Return the turn and shift that take most of a camera's positions to the other camera's.

    RANSAC over pairs of positions. Positions are (K, 2) metres.
    """
    total = len(known_m)
    finite = np.isfinite(known_m).all(axis=1) & np.isfinite(new_m).all(axis=1)
    known, new = known_m[finite] @ [1, 1j], new_m[finite] @ [1, 1j]
    allowed = _ALLOWED_M + _ALLOWED * np.maximum(np.abs(known), np.abs(new))
    one, other = np.random.default_rng(0).integers(0, max(len(new), 1), (2, _TRIES))
    far = np.abs(new[other] - new[one]) >= _MIN_SPREAD_M if len(new) else np.zeros(_TRIES, bool)
    one, other = one[far], other[far]
    agree = np.zeros(len(new), np.bool_)
    if len(one):
        turns = np.angle((known[other] - known[one]) * np.conj(new[other] - new[one]))
        turned = np.exp(1j * turns)
        shifts = (known[one] + known[other] - turned * (new[one] + new[other])) / 2
        fitting = np.abs(turned[:, None] * new + shifts[:, None] - known) <= allowed
        agree = fitting[fitting.sum(axis=1).argmax()]
    if agree.sum() < max(MIN_MOMENTS, _LEAST_AGREE * total):
        raise InputError(
            f"cameras '{names[0]}' and '{names[1]}' do not agree where people stand: at most "
            f"{agree.sum()} of {total} common positions fit together, expected {_LEAST_AGREE:.0%}, "
            f"and some {_MIN_SPREAD_M:g} m apart; check the identities of the run, or use --points"
        )
    known, new = known[agree], new[agree]
    turn = np.angle(((known - known.mean()) * np.conj(new - new.mean())).sum())
    shift = known.mean() - np.exp(1j * turn) * new.mean()
    return np.array([turn, shift.real, shift.imag])


def _pose_matrix(pose: FloatArray) -> FloatArray:
    """Return the (3, 3) matrix of a turn and a shift."""
    turn, x, y = pose.tolist()
    cos, sin = np.cos(turn), np.sin(turn)
    return np.array([[cos, -sin, x], [sin, cos, y], [0, 0, 1]])


def _in_widths(people: People) -> FloatArray:
    """Return the (3, 3) matrix from pixels to the units of `People.feet`."""
    width, height = people.width, people.height
    return np.array([[1 / width, 0, -0.5], [0, 1 / width, -height / width / 2], [0, 0, 1]])


def _adjusted(
    seen: Mapping[str, UprightPeople],
    fits: Mapping[str, UprightFit],
    poses: Mapping[str, FloatArray],
    shared: list[_Shared],
) -> tuple[dict[str, UprightFit], dict[str, FloatArray]]:
    """Adjust all cameras and their poses together."""
    names = list(fits)
    cut = 4 * len(names)
    start = np.concatenate(
        [fits[name].camera.parameters for name in names] + [poses[name] for name in names[1:]]
    )
    low, high = np.full((2, len(start)), [[-np.inf], [np.inf]])
    low[:cut], high[:cut] = np.tile(BOUNDS[0], len(names)), np.tile(BOUNDS[1], len(names))

    def unpacked(values: FloatArray) -> tuple[dict[str, Upright], dict[str, FloatArray]]:
        cameras = map(Upright.of, values[:cut].reshape(-1, 4))
        placed = np.concatenate([np.zeros(3), values[cut:]]).reshape(-1, 3)
        return dict(zip(names, cameras, strict=True)), dict(zip(names, placed, strict=True))

    def residuals(values: FloatArray) -> FloatArray:
        cameras, placed = unpacked(values)
        matrices = {name: _pose_matrix(placed[name]) @ cameras[name].homography() for name in names}
        parts = [seen[name].residuals(cameras[name]) for name in names]
        for pair in shared:
            parts += _transfers(matrices, seen, pair)
        return np.concatenate(parts)

    found = least_squares(residuals, start, bounds=(low, high), x_scale=0.1)
    focal_sd = deviations(np.asarray(found.jac))[:cut:4].tolist()
    cameras, placed = unpacked(found.x)
    adjusted = {
        name: seen[name].fit(cameras[name], sd) for name, sd in zip(names, focal_sd, strict=True)
    }
    return adjusted, placed


def _transfers(
    matrices: Mapping[str, FloatArray], seen: Mapping[str, UprightPeople], pair: _Shared
) -> list[FloatArray]:
    """Return how far each camera's feet are from the other's in the picture, in deviations."""
    parts = []
    ends = list(zip(pair.cameras, pair.rows, strict=True))
    for (source, rows), (target, others) in (ends, ends[::-1]):
        between = np.linalg.inv(matrices[target]) @ matrices[source]
        there = seen[target].people
        errors = apply_homography(between, seen[source].people.feet[rows]) - there.feet[others]
        errors /= there.tall[others, None]
        errors = np.nan_to_num(errors, nan=_FARTHEST).clip(-_FARTHEST, _FARTHEST)
        # Both cameras err by their own box heights.
        parts.append(robust(errors / (np.sqrt(2) * FOOT_ERROR)).ravel())
    return parts


def _agreement(
    matrices: Mapping[str, FloatArray], people: Mapping[str, People], pair: _Shared
) -> Agreement:
    first, second = (
        apply_homography(matrices[name], people[name].feet[rows])
        for name, rows in zip(pair.cameras, pair.rows, strict=True)
    )
    apart = np.nan_to_num(np.linalg.norm(first - second, axis=1), nan=np.inf)
    shared = np.unique(people[pair.cameras[0]].ids[pair.rows[0]])
    median_m, most_m = np.quantile(apart, [0.5, 0.9], method="lower").tolist()
    return Agreement(pair.cameras, len(shared), len(apart), median_m, most_m)
