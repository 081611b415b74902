"""Homographies from a picture to the ground plane, fitted to points measured on both."""

from __future__ import annotations

import itertools

import numpy as np

from reid_tracker.arrays import FloatArray
from reid_tracker.errors import InputError

MIN_POINTS = 4
_FLAT = 0.004
"""Points are on a line if no triangle covers a larger part of the square around all of them."""

_MAX_COMBINED = 24  # points whose subsets of four are all tried


def fit_homography(pixels: FloatArray, metres: FloatArray) -> FloatArray:
    """Return the homography that maps pixels to the ground plane, by least squares.

    The normalised direct linear transform (Hartley and Zisserman, algorithm 4.2).

    Args:
        pixels: (N, 2) x and y in the picture; N >= 4.
        metres: (N, 2) the same points on the ground plane.

    Returns:
        (3, 3) matrix, scaled so that its last element is 1 if possible.

    Raises:
        InputError: there are fewer than four points, or almost all are on one line.
    """
    pixels, metres = np.asarray(pixels, np.float64), np.asarray(metres, np.float64)
    if len(pixels) < MIN_POINTS:
        raise InputError(
            f"{len(pixels)} points: expected at least {MIN_POINTS}, better 6 to 10, spread over "
            "the ground that people walk on"
        )
    for points, where in ((pixels, "picture"), (metres, "ground plane")):
        if _flatness(points) < _FLAT:
            raise InputError(
                f"the points lie on a line in the {where}, or all but one do: expected four "
                "points, no three of them on a line; choose the corners of a large rectangle"
            )
    to_a, a = _normalised(pixels)
    to_b, b = _normalised(metres)
    ones, zeros = np.ones((len(a), 1)), np.zeros((len(a), 3))
    homogeneous = np.concatenate([a, ones], axis=1)
    rows = np.concatenate(
        [
            np.concatenate([homogeneous, zeros, -b[:, :1] * homogeneous], axis=1),
            np.concatenate([zeros, homogeneous, -b[:, 1:] * homogeneous], axis=1),
        ]
    )
    solution = np.linalg.svd(rows)[2][-1].reshape(3, 3)
    matrix: FloatArray = np.linalg.inv(to_b) @ solution @ to_a
    corner = matrix[2, 2]
    return matrix / (corner if abs(corner) > 1e-12 * np.abs(matrix).max() else 1.0)


def apply_homography(matrix: FloatArray, points: FloatArray) -> FloatArray:
    """Map (N, 2) points; points on the horizon become NaN or infinite."""
    mapped = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    with np.errstate(divide="ignore", invalid="ignore"):
        result: FloatArray = mapped[:, :2] / mapped[:, 2:]
    return result


def ground_errors(matrix: FloatArray, pixels: FloatArray, metres: FloatArray) -> FloatArray:
    """Return the (N,) distances on the ground between mapped pixels and their places, metres."""
    errors: FloatArray = np.linalg.norm(apply_homography(matrix, pixels) - metres, axis=1)
    return errors


def _normalised(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the (3, 3) matrix that centres points and scales them to about 1, and the points."""
    middle = points.mean(axis=0)
    scale = np.sqrt(2) / max(float(np.linalg.norm(points - middle, axis=1).mean()), 1e-12)
    matrix = np.array([[scale, 0, -scale * middle[0]], [0, scale, -scale * middle[1]], [0, 0, 1]])
    return matrix, (points - middle) * scale


def _flatness(points: FloatArray) -> float:
    """Return the smallest triangle of the best four points, relative to the square around all."""
    if len(points) > _MAX_COMBINED:
        points = points[np.linspace(0, len(points) - 1, _MAX_COMBINED).astype(int)]
    span = float((points.max(axis=0) - points.min(axis=0)).max())
    fours = points[np.array(list(itertools.combinations(range(len(points)), 4)))]
    areas = []
    for corners in itertools.combinations(range(4), 3):
        a, b, c = (fours[:, corner] for corner in corners)
        (x1, y1), (x2, y2) = (b - a).T, (c - a).T
        areas.append(np.abs(x1 * y2 - x2 * y1) / 2)
    return float(np.min(areas, axis=0).max()) / max(span * span, 1e-12)
