"""`reid-track ground` from the outside: calibrations, what it writes, how it fails."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.cli.main import main
from reid_tracker.match import load_ground
from tests.conftest import HEIGHT, WIDTH, shared, write_video
from tests.match.places.test_calibration import write_tsai

FOUR = "60,200=0,0 260,200=4,0 210,90=4,6 110,90=0,6"


def run(*words: object) -> int:
    return main(["ground", *map(str, words)])


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "door.mp4", 5)


def position(path: Path, camera: str, x: float, y: float) -> np.ndarray:
    box = np.array([[x - 1, y - 5, x + 1, y]], np.float32)
    (found,) = load_ground(path).positions(camera, box)
    return np.asarray(found)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return str(line)


def test_points_become_a_file_that_tracking_reads(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floor.yaml"
    assert run(video, "--points", FOUR + " 160,130=1.9,3.1", "--save", path) == 0
    np.testing.assert_allclose(position(path, "door", 260, 200), [4, 0], atol=0.3)
    printed = capsys.readouterr().out
    assert "door: reprojection error 0." in printed
    assert "m on average" in printed
    assert "four points" not in printed
    picture = cv2.imread(str(tmp_path / "floor_door.png"))
    assert picture is not None
    assert picture.shape == (HEIGHT + 34, WIDTH, 3)


def test_cameras_are_added_in_the_units_of_the_plan(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floor.yaml"
    path.write_text(
        "units_per_metre: 20\ncameras: [{camera: hall, matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1]}]\n"
    )
    assert run(video, "--points", FOUR, "--save", path) == 0
    assert "four points always fit exactly" in capsys.readouterr().out
    plane = load_ground(path)
    assert [item.camera for item in plane.cameras] == ["hall", "door"]
    assert plane.units_per_metre == 20
    np.testing.assert_allclose(position(path, "door", 210, 90), [4, 6], atol=1e-5)
    assert run(video, "--points", FOUR, "--save", path) == 1
    assert "has camera 'door' already" in error_line(capsys)
    assert run(video, "--points", FOUR, "--save", path, "--overwrite", "--quiet") == 0
    assert load_ground(path) == plane


@pytest.mark.shared
def test_a_calibration_says_how_far_a_homography_is_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = shared("data", "multicam", "PETS09-S2L1", "view001.mp4")
    path = tmp_path / "floor.yaml"
    calibration = write_tsai(tmp_path, "1")
    assert run(video, "--calibration", calibration, "--save", path) == 0
    assert "reprojection error 0.0" in capsys.readouterr().out
    np.testing.assert_allclose(position(path, "view001", 547, 350), [-11.19, -11.43], atol=0.3)


def test_an_existing_picture_is_kept(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "floor_door.png").write_text("mine")
    assert run(video, "--points", FOUR, "--save", tmp_path / "floor.yaml") == 1
    assert "exists already" in error_line(capsys)
    assert not (tmp_path / "floor.yaml").exists()
