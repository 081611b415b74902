"""The ground plane: positions, footprints and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError
from reid_tracker.match import (
    CameraGround,
    GroundPlane,
    load_ground,
    save_ground,
)
from tests.match.worlds import some


@some
@given(st.integers(0, 2**32 - 1))
def test_positions_undo_the_projection(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))
    matrix[2, :2] *= 1e-3  # a camera that looks down, not along the floor
    ground = GroundPlane((CameraGround("a", tuple(matrix.ravel().tolist())),), 2.0)
    metres = rng.uniform(-5, 5, (6, 2))
    pixels = np.column_stack([metres * 2.0, np.ones(6)]) @ np.linalg.inv(matrix).T
    feet = pixels[:, :2] / pixels[:, 2:]
    boxes = np.column_stack([feet[:, 0] - 1, feet[:, 1] - 4, feet[:, 0] + 1, feet[:, 1]])
    found = ground.positions("a", boxes.astype(np.float32))
    np.testing.assert_allclose(found, metres, atol=1e-3)


@some
@given(st.integers(0, 2**32 - 1))
def test_covariances_are_those_of_many_noisy_foot_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(3) + rng.uniform(-0.2, 0.2, (3, 3))
    matrix[2, :2] *= 1e-3
    ground = GroundPlane((CameraGround("a", tuple(matrix.ravel().tolist())),), 50.0)
    box = np.array([[100.0, 40, 130, 120]])
    (metres,), (covariance,) = ground.locate("a", box.astype(np.float32))
    noise = rng.normal(0, 0.05 * 80, (20_000, 2))
    boxes = box + noise[:, [0, 1, 0, 1]]
    boxes[:, 1] = 40
    many = ground.positions("a", boxes.astype(np.float32))
    np.testing.assert_allclose(many.mean(axis=0), metres, atol=0.01)
    np.testing.assert_allclose(np.cov(many.T), covariance, atol=0.05 * np.trace(covariance))
    assert np.isnan(ground.locate("b", box.astype(np.float32))[1]).all()


def test_a_camera_without_homography_and_the_horizon_have_no_position() -> None:
    ground = GroundPlane((CameraGround("a", (1.0, 0, 0, 0, 1, 0, 0, 1, -10)),))
    boxes = np.array([[0, 0, 2, 10], [0, 0, 2, 20]], np.float32)
    assert np.isnan(ground.positions("b", boxes)).all()
    assert np.isnan(ground.positions("a", boxes)[:, 0]).tolist() == [True, False]
    assert ground.positions("a", boxes[:0]).shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cameras: [{camera: a, matrix: [1, 2]}]", "has 2 numbers, expected 9"),
        ("cameras: [{camera: a, matrix: [1, 0, 0, 0, 1, 0, 1, 0, 0]}]", "cannot be inverted"),
        ("units_per_metre: 0", "expected a number above 0"),
    ],
)
def test_homographies_that_are_none_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "ground.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_ground(tmp_path / "ground.yaml")


def test_homographies_are_read(tmp_path: Path) -> None:
    (tmp_path / "ground.yaml").write_text(
        "units_per_metre: 10\ncameras: [{camera: a, matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1]}]"
    )
    boxes = np.array([[10, 0, 30, 50]], np.float32)
    assert load_ground(tmp_path / "ground.yaml").positions("a", boxes).tolist() == [[2.0, 5.0]]


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    plane = GroundPlane((CameraGround("tür", (1.5, 0, 0, 0, 1, 0, 0, 1e-9, 1)),), 3.0)
    save_ground(plane, tmp_path / "floor.yaml")
    assert load_ground(tmp_path / "floor.yaml") == plane


def test_a_footprint_ends_where_the_floor_gets_coarse() -> None:
    # A camera 5 m above the floor that looks 45 degrees down: x sideways, y away from it.
    focal, height = 500.0, 5.0
    turned = np.sqrt(0.5)
    # Pixel (u, v) about the centre looks along (u, f cos - v sin, -f sin - v cos).
    rows = np.array(
        [
            [height, 0, 0],
            [0, -height * turned, height * focal * turned],
            [0, turned, focal * turned],
        ]
    )
    centred = np.array([[1.0, 0, -320], [0, 1, -240], [0, 0, 1]])
    matrix = rows @ centred
    ground = GroundPlane((CameraGround("a", tuple(matrix.ravel().tolist())),))
    outline = ground.footprint("a", 640, 480)
    # The lower edge of the picture, 45 degrees and atan(240 / 500) down, is this far away.
    np.testing.assert_allclose(outline[8], [0, height * (500 - 240) / (500 + 240)], atol=1e-9)
    far = outline[17:, 1].max()
    v = np.linspace(240, -240, 100001)
    y = height * (500 - v) / (500 + v)
    step = np.gradient(y, v[0] - v[1]) * 4.8  # a hundredth of the picture's height
    expected = y[step <= 1.0].max()
    assert abs(far - expected) < 0.3
    assert len(ground.footprint("b", 640, 480)) == 0
