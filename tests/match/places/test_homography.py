"""Homographies from points: exact where they can be, least squares beyond, refused on lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import InputError
from reid_tracker.match.places.homography import apply_homography, fit_homography, ground_errors
from tests.examples import examples

some = settings(max_examples=examples(60), deadline=None, derandomize=True)

FRAME = np.array([[40.0, 560], [730, 540], [600, 210], [150, 220], [380, 400], [500, 300]])


def camera(rng: np.random.Generator) -> np.ndarray:
    """A homography of a camera that looks down, not along the floor."""
    matrix = np.array([[0.02, 0.001, -7], [0.001, 0.03, -10], [0.00005, 0.0008, 1]])
    turned: np.ndarray = matrix * (1 + 0.2 * rng.uniform(-1, 1, (3, 3)))
    return turned


@some
@given(st.integers(0, 2**32 - 1), st.integers(4, 6))
def test_points_of_a_homography_give_it_back(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = camera(rng)
    pixels = FRAME[:count] + rng.uniform(-20, 20, (count, 2))
    metres = apply_homography(matrix, pixels)
    found = fit_homography(pixels, metres)
    np.testing.assert_allclose(found, matrix / matrix[2, 2], rtol=1e-5, atol=1e-9)
    assert ground_errors(found, pixels, metres).max() < 1e-8


def test_clicks_that_are_off_are_averaged_not_followed() -> None:
    rng = np.random.default_rng(3)
    matrix = camera(rng)
    pixels = rng.uniform([50, 200], [720, 570], (60, 2))
    metres = apply_homography(matrix, pixels)
    found = fit_homography(pixels + rng.normal(0, 1.5, pixels.shape), metres)
    assert ground_errors(found, pixels, metres).mean() < 0.05


def test_the_same_metres_in_other_units_and_far_from_the_origin() -> None:
    metres = apply_homography(camera(np.random.default_rng(1)), FRAME)
    far = metres * 1000 + [5e6, -4e5]  # millimetres in a national grid
    assert ground_errors(fit_homography(FRAME, far), FRAME, far).max() < 1.0


LINE = np.column_stack([np.arange(5.0) * 100, np.arange(5.0) * 50 + 200])


@pytest.mark.parametrize(
    ("pixels", "metres", "message"),
    [
        (FRAME[:3], FRAME[:3], "3 points: expected at least 4"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "0 points"),
        (LINE, LINE, "on a line in the picture"),
        (LINE + np.array([[0, 0], [1, 0], [0, 1], [0, 0], [0, 1]]), FRAME[:5], "in the picture"),
        (np.concatenate([LINE, FRAME[1:2]]), FRAME, "all but one"),
        (FRAME[:5], LINE, "on a line in the ground plane"),
        (FRAME[[0, 1, 1, 2]], FRAME[:4], "in the picture"),
    ],
)
def test_points_that_fix_nothing_are_refused(
    pixels: np.ndarray, metres: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_homography(pixels, metres)
