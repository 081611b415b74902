"""Points of `reid-track ground`, as text and in a file, and errors in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.commands.ground.points import read_points
from reid_tracker.errors import ConfigError
from tests.cli.commands.ground.test_run import FOUR, error_line, run
from tests.conftest import write_video


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "door.mp4", 5)


def test_points_from_a_file(video: Path, tmp_path: Path) -> None:
    points = tmp_path / "points.yaml"
    rows = [[60, 200, 0, 0], [260, 200, 4, 0], [210, 90, 4, 6], [110, 90, 0, 6]]
    points.write_text(f"cameras:\n- camera: door\n  points: {rows}\n")
    assert run(video, "--points", points, "--save", tmp_path / "a.yaml") == 0
    assert run(video, "--points", FOUR, "--save", tmp_path / "b.yaml") == 0
    assert (tmp_path / "a.yaml").read_bytes() == (tmp_path / "b.yaml").read_bytes()
    assert (tmp_path / "a_door.png").read_bytes() == (tmp_path / "b_door.png").read_bytes()


def test_a_point_of_very_many_numbers_is_named_in_short(tmp_path: Path) -> None:
    points = tmp_path / "points.yaml"
    points.write_text(f"cameras: [{{camera: door, points: [{[0] * 5000}]}}]")
    with pytest.raises(ConfigError, match="expected four numbers") as caught:
        read_points(points, "door")
    assert len(str(caught.value)) < 500
    points.write_text(f"cameras: [{{camera: {'x' * 5000}}}]")
    with pytest.raises(ConfigError, match="no points of camera 'door'") as caught:
        read_points(points, "door")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("0,0=0,0 10,10=1", "point '10,10=1': expected x,y=X,Y"),
        ("0,0=0,0 9,9=nan,1", "point '9,9=nan,1'"),
        ("0,0=0,0 10,10=1,1 20,20=2,2", "3 points: expected at least 4"),
        ("0,0=0,0 10,10=1,1 20,20=2,2 30,30=3,5", "on a line in the picture"),
        ("none.yaml", "cannot read none.yaml"),
    ],
)
def test_points_that_are_wrong_are_one_line_and_write_nothing(
    points: str, message: str, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floor.yaml"
    assert run(video, "--points", points, "--save", path) == 2
    assert message in error_line(capsys)
    assert not path.exists()


def test_a_point_file_without_this_camera(
    video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    points = tmp_path / "points.yaml"
    points.write_text("cameras: [{camera: hall, points: [[1, 2, 3, 4]]}]")
    assert run(video, "--points", points, "--save", tmp_path / "f.yaml") == 2
    assert "no points of camera 'door'; it has points of hall" in error_line(capsys)
    points.write_text("cameras: [{camera: door, points: [[1, 2, 3]]}]")
    assert run(video, "--points", points, "--save", tmp_path / "f.yaml") == 2
    assert "expected four numbers" in error_line(capsys)
