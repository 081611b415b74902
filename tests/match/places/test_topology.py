"""Topology and homographies: what YAML says, what cannot be, and the tables that come of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.match import (
    CameraGround,
    GroundPlane,
    Passage,
    Topology,
    load_ground,
    load_topology,
    save_topology,
)

some = settings(max_examples=50, deadline=None, derandomize=True)

KNOWN = Topology(
    passages=(
        Passage(("door", "hall"), min_s=2.0, max_s=30.0),
        Passage(("hall", "stairs"), overlap=True),
        Passage(("door", "door"), min_s=1.0, max_s=90.0),
    ),
    returning_s=60.0,
    unlisted="closed",
)


def test_tables_say_what_the_passages_say() -> None:
    times = KNOWN.travel_times(["stairs", "door", "hall", "yard"])
    assert times.min_s[1, 2] == times.min_s[2, 1] == 2.0
    assert times.max_s[1, 2] == 30.0
    assert not times.overlap[1, 2]
    assert times.overlap[0, 2]
    assert times.overlap[2, 0]
    assert times.max_s[0, 2] == math.inf
    assert times.max_s[0, 1] == times.max_s[3, 0] == -math.inf
    assert (times.min_s[1, 1], times.max_s[1, 1]) == (1.0, 90.0)
    assert times.max_s[0, 0] == times.max_s[3, 3] == 60.0
    assert not times.overlap.diagonal().any()


def test_who_knows_nothing_forbids_nothing_across_cameras() -> None:
    times = Topology().travel_times(["a", "b"])
    assert times.overlap.tolist() == [[False, True], [True, False]]
    assert (times.min_s == 0).all()
    assert np.isposinf(times.max_s).all()


def test_yaml_comes_back_as_it_was(tmp_path: Path) -> None:
    save_topology(KNOWN, tmp_path / "site.yaml")
    assert load_topology(tmp_path / "site.yaml") == KNOWN


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("passages: [{between: [a]}]", r"between = \[a\]: expected two cameras"),
        (
            f"passages: [{{between: [{'a, ' * 3000}]}}]",
            r"between = \[a, a, .{90,200}\]: expected two",
        ),
        ("passages: [{between: [a, b], min_s: 5, max_s: 2}]", "max_s = 2: expected at least min_s"),
        ("passages: [{between: [a, b], min_s: 5, overlap: true}]", "expected 0, since the views"),
        ("passages: [{between: [a, b]}, {between: [b, a]}]", "named twice"),
        ("passages: [{betweens: [a, b]}]", "did you mean 'between'"),
        ("unlisted: maybe", "expected 'open' or 'closed'"),
        ("returning_s: -1", "expected a number at least 0"),
        ("[]", "expected 'key: value' lines"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_file(
    text: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "site.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        load_topology(tmp_path / "site.yaml")
    assert "site.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_topology(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot read"):
        load_ground(tmp_path / "none.yaml")
    with pytest.raises(OutputError, match="cannot write"):
        save_topology(KNOWN, tmp_path / "none" / "site.yaml")


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
