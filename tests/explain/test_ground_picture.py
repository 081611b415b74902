"""The grid on the ground, marked points, captions, and files that cannot be written."""

from __future__ import annotations

import numpy as np

from reid_tracker.explain.ground_picture import (
    draw_caption,
    draw_ground_grid,
    draw_points,
)
from reid_tracker.match.places.homography import apply_homography
from tests.explain.pickers.test_points import IMAGE, picked

UPRIGHT = np.diag([0.1, 0.1, 1.0])  # 10 pixels are a metre


def test_grid_lines_lie_where_metres_are_whole() -> None:
    matrix = picked().matrix()
    assert matrix is not None
    drawn, step = draw_ground_grid(IMAGE, matrix)
    bright = np.column_stack(np.nonzero(drawn[..., 2] > 150)[::-1]).astype(float)
    # Text stands at the border only.
    inside = bright[(np.abs(bright - [160, 150]) < [60, 50]).all(axis=1)]
    assert len(inside) > 300
    lines = apply_homography(matrix, inside) / step
    assert (np.abs(lines - np.rint(lines)).min(axis=1) < 0.2).mean() > 0.95


def test_no_ground_in_view_leaves_the_image_as_it_is() -> None:
    sky = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0.01, -10.0]])  # the horizon is below the image
    drawn, _ = draw_ground_grid(IMAGE, sky)
    assert drawn.shape == IMAGE.shape
    assert (IMAGE == 60).all(), "the input is not changed"


def test_points_are_marked_where_they_were_clicked_and_where_the_homography_maps_them() -> None:
    image = IMAGE.copy()
    clicked = np.array([[100.0, 50.0], [200.0, 150.0]])
    draw_points(image, clicked, np.array([[10.0, 5.0]]), UPRIGHT)
    changed = (image != IMAGE).any(axis=2)
    assert changed[50, 100]
    assert changed[150, 200]
    moved = IMAGE.copy()
    draw_points(moved, clicked, np.array([[14.0, 5.0]]), UPRIGHT)
    assert (moved[50, 105:140] == (80, 220, 80)).all(axis=1).any(), "a line to (140, 50)"


def test_captions_fit_into_the_width() -> None:
    for text in ("short", "long " * 40):
        drawn = draw_caption(IMAGE, text)
        assert drawn.shape == (IMAGE.shape[0] + 34, IMAGE.shape[1], 3)
        np.testing.assert_array_equal(drawn[34:], IMAGE)
        assert (drawn[:34] > 100).any()
