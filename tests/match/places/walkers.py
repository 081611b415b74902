"""People who walk past synthetic cameras whose exact positions are known."""

from __future__ import annotations

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.match.places.people import People
from reid_tracker.match.places.self_calibration import _pose_matrix
from reid_tracker.match.places.upright import Upright

WIDTH, HEIGHT = 1280, 720
STEP_S = 0.2


def paths(
    rng: np.random.Generator, people: int, seconds: float, where: tuple[FloatArray, FloatArray]
) -> FloatArray:
    """Return (T, P, 2) positions in metres of people who walk and turn in a rectangle."""
    low, high = where
    steps = round(seconds / STEP_S)
    speed = rng.normal(1.3, 0.15, people)
    heading = rng.uniform(0, 2 * np.pi, people)
    position: FloatArray = rng.uniform(low, high, (people, 2))
    found = np.empty((steps, people, 2))
    for step in range(steps):
        found[step] = position
        heading += rng.normal(0, 0.1, people)
        # At the border they turn around to the middle.
        outside = ((position < low) | (position > high)).any(axis=1)
        inwards = (low + high) / 2 - position
        heading[outside] = np.arctan2(inwards[outside, 1], inwards[outside, 0])
        position = position + STEP_S * speed[:, None] * np.stack(
            [np.cos(heading), np.sin(heading)], axis=1
        )
    return found


def seen(
    rng: np.random.Generator,
    camera: Upright,
    pose: FloatArray,
    places: FloatArray,
    noise: float = 0.02,
    outliers: float = 0.05,
) -> People:
    """Return the boxes of people in the picture of a camera.

    Args:
        rng: draws noise; people are as tall in all cameras that look at the same paths.
        camera: the camera.
        pose: (3,) its turn and shift on the ground, see `self_calibration`.
        places: (T, P, 2) positions of people.
        noise: standard deviation of each edge in box heights.
        outliers: part of the boxes that lack the legs, and of those of somebody else.
    """
    steps, people = places.shape[:2]
    talls = 1.7 + 0.07 * np.random.default_rng(people).standard_normal((people,))
    to_ground = _pose_matrix(pose) @ camera.homography()
    flat = places.reshape(-1, 2)
    mapped = np.column_stack([flat, np.ones(len(flat))]) @ np.linalg.inv(to_ground).T
    feet = mapped[:, :2] / mapped[:, 2:]
    # In front of the camera, the last number of the homography is one over the distance.
    ahead = np.column_stack([feet, np.ones(len(feet))]) @ to_ground[2] > 0
    tall: FloatArray = np.empty(len(flat))
    ids = np.tile(np.arange(1, people + 1), steps)
    for person in range(people):
        mine = ids == person + 1
        tall[mine] = camera.heights(feet[mine], float(talls[person]))
    visible = ahead & np.isfinite(tall) & (tall > 20 / WIDTH) & (np.abs(feet[:, 0]) < 0.5)
    visible &= (feet[:, 1] < 0.5 * HEIGHT / WIDTH) & (feet[:, 1] - tall > -0.5 * HEIGHT / WIDTH)
    feet, tall, ids = feet[visible], tall[visible], ids[visible]
    times = np.repeat(np.arange(steps) * STEP_S, people)[visible]
    bottom = feet[:, 1] + rng.normal(0, noise, len(feet)) * tall
    bottom -= 0.4 * tall * (rng.random(len(feet)) < outliers)
    top = feet[:, 1] - tall + rng.normal(0, noise, len(feet)) * tall
    middle = feet[:, 0] + rng.normal(0, noise, len(feet)) * tall
    half = 0.5 * 0.38 * (bottom - top)
    boxes = np.stack([middle - half, top, middle + half, bottom], axis=1) * WIDTH
    boxes += np.array([WIDTH, HEIGHT, WIDTH, HEIGHT]) / 2
    wrong = rng.random(len(ids)) < outliers
    ids = np.where(wrong, rng.permutation(ids), ids)
    return People(WIDTH, HEIGHT, times, ids, boxes)
