"""`reid-track ground`: calibrations, output files, and errors."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.cli.main import main
from reid_tracker.match import load_ground
from tests.conftest import HEIGHT, WIDTH, shared, write_video
from tests.match.places import walkers
from tests.match.places.test_calibration import write_tsai
from tests.match.places.test_self_calibration import site

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
    assert "already has camera 'door'" in error_line(capsys)
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


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A run over two cameras, with their images next to it."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name, one in site(["door", "hall"], 1, 0.02, 0.05).items():
        (tmp_path / name).mkdir()
        picture = np.full((walkers.HEIGHT, walkers.WIDTH, 3), 90, np.uint8)
        cv2.imwrite(str(tmp_path / name / "1.png"), picture)
        frames = np.round(one.times_s / walkers.STEP_S).astype(int) + 1
        sizes = one.boxes[:, 2:] - one.boxes[:, :2]
        rows = np.column_stack([frames, one.ids, one.boxes[:, :2], sizes])
        # Noise: a second box of a person in the same frame.
        rows = rows[np.unique(rows[:, :2], axis=0, return_index=True)[1]]
        lines = [f"{row[0]:.0f},{row[1]:.0f},{','.join(map(str, row[2:]))},1\n" for row in rows]
        (folder / f"{name}_global.txt").write_text("".join(lines))
        times = [
            json.dumps({"frame": frame - 1, "timestamp_s": (frame - 1) * walkers.STEP_S})
            for frame in np.unique(frames).tolist()
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(times) + "\n")
    return folder


@pytest.mark.slow
def test_people_of_a_run_become_a_file_that_tracking_reads(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floor.yaml"
    sources = [tmp_path / "door", tmp_path / "hall"]
    assert run(*sources, "--from-people", results, "--save", path, "--mean-height", "1.8") == 0
    printed = capsys.readouterr().out
    assert "door: focal length 1" in printed
    assert "door and hall: the same people are 0." in printed
    assert "1.80 m tall on average" in printed
    assert [item.camera for item in load_ground(path).cameras] == ["door", "hall"]
    # Ten metres straight ahead of the first camera, 4 m above the ground, tilted by 15 degrees.
    down = np.arctan2(4.0, 10.0) - np.radians(15)
    y = walkers.HEIGHT / 2 + 0.9 * walkers.WIDTH * np.tan(down)
    np.testing.assert_allclose(position(path, "door", 640, y), [0, 10.6], atol=0.6)
    assert cv2.imread(str(tmp_path / "floor_hall.png")) is not None
    assert run(*sources, "--from-people", results, "--save", path) == 1
    assert "exists already; add --overwrite" in error_line(capsys)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--points", FOUR, "--from-people", "results"), "--points and --from-people were given"),
        (("--from-people", "results", "--mean-height", "17"), "--mean-height 17: expected metres"),
        (("--from-people", "results", "--camera", "door"), "--camera and --picture are for one"),
        (("more.mp4",), "2 sources: expected one, or --from-people"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(
    words: tuple[str, ...], message: str, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(video, *words) == 2
    assert message in error_line(capsys)


def test_a_run_of_few_people_is_refused(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "door.txt").write_text("1,1,100,50,40,120,1\n")
    floor = tmp_path / "floor.yaml"
    assert run(video, "--from-people", tmp_path, "--save", floor) == 1
    assert "camera 'door': 0 people walk in full view" in error_line(capsys)
    assert not floor.exists()
