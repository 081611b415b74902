"""Calibration files: PETS's Tsai XML against its ground truth, OpenCV's YAML against cv2."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.match.places.calibration import read_calibration
from tests.benchmarks.mot_scores import read_mot
from tests.conftest import shared

TSAI = """<?xml version="1.0" encoding="UTF-8" ?>
<Camera name="PETS-2009-Camera-001">
<Geometry width="768" height="576" ncx="1" nfx="1" dpx="{dpx}" dpy="{dpy}" />
<Intrinsic focal="{f}" kappa1="{k}" cx="{cx}" cy="{cy}" sx="{sx}" />
<Extrinsic tx="{t[0]}" ty="{t[1]}" tz="{t[2]}" rx="{r[0]}" ry="{r[1]}" rz="{r[2]}" />
</Camera>
"""


def write_tsai(folder: Path, view: str) -> Path:
    values = json.loads(shared("data", "multicam", "PETS09-S2L1", "calibration.json").read_text())
    path = folder / f"view{view}.xml"
    path.write_text(TSAI.format(**values[view]))
    return path


@pytest.mark.shared
def test_tsai_puts_feet_where_the_truth_has_them(tmp_path: Path) -> None:
    truth = read_mot(shared("data", "multicam", "PETS09-S2L1", "gt_view001.txt"))
    feet = np.column_stack([truth[:, 2] + truth[:, 4] / 2, truth[:, 3] + truth[:, 5]])
    metres = read_calibration(write_tsai(tmp_path, "1")).ground_points(feet) / 1000
    away = np.linalg.norm(metres - truth[:, 7:9], axis=1)
    assert np.median(away) < 0.15
    assert np.quantile(away, 0.9) < 0.4


def write_opencv(path: Path, *, vector: bool, tail: str = "") -> tuple[np.ndarray, ...]:
    matrix = np.array([[800.0, 0, 330], [0, 790, 250], [0, 0, 1]])
    distortion = np.array([-0.2, 0.05, 0.001, -0.002, 0.01])
    rvec, tvec = np.array([2.0, 0.2, -0.1]), np.array([0.5, 0.8, 9.0])
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("camera_matrix", matrix)
    storage.write("distortion_coefficients", distortion)
    storage.write("rvec" if vector else "R", rvec if vector else cv2.Rodrigues(rvec)[0])
    storage.write("tvec", tvec)
    storage.release()
    path.write_text(path.read_text() + tail)
    return matrix, distortion, rvec, tvec


@pytest.mark.parametrize("vector", [True, False])
def test_opencv_yaml_undoes_what_opencv_projects(vector: bool, tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    matrix, distortion, rvec, tvec = write_opencv(path, vector=vector)
    rng = np.random.default_rng(0)
    world = np.column_stack([rng.uniform(-2, 2, (40, 2)), np.zeros(40)])
    pixels = cv2.projectPoints(world, rvec, tvec, matrix, distortion)[0][:, 0]
    found = read_calibration(path).ground_points(pixels.astype(np.float64))
    np.testing.assert_allclose(found, world[:, :2], atol=1e-5)


def test_above_the_horizon_is_no_floor(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    write_opencv(path, vector=True)
    found = read_calibration(path).ground_points(np.array([[330.0, -5000], [330, 300]]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<Camera><Geometry/></Camera>", "has no element Intrinsic"),
        ("<Camera>", "not XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Camera/>', "declares entities"),
        ("hello: world", "has no camera_matrix or cameraMatrix"),
        ("camera_matrix: !!opencv-matrix\n data: [1, 2]", "has 2 numbers"),
        ("a: !!opencv-matrix data: [\n" * 30_000, "has no camera_matrix"),
        (f"a: !!opencv-matrix\n data: [{'0.' * 9000}]", r"to float: '0\.0\..{100,200}; expected"),
        ("\n" * 900_000, "has no camera_matrix"),
        ("camera_matrix: !!opencv-matrix\n" + "data: " * 100_000, "has no camera_matrix"),
    ],
)
def test_other_files_are_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.xml").write_text(text)
    with pytest.raises(ConfigError, match=message) as error:
        read_calibration(tmp_path / "c.xml")
    assert "expected a Tsai XML file" in str(error.value)
    assert "\n" not in str(error.value)


def test_numbers_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "camera.yaml"
    write_opencv(path, vector=True)
    path.write_text(path.read_text().replace("800.", "1e999"))
    with pytest.raises(ConfigError, match="a number is not finite"):
        read_calibration(path)


@pytest.mark.parametrize("changed", [{"dpx": 0}, {"f": 1e200}, {"f": "nan"}])
def test_a_tsai_calibration_that_cannot_be(changed: dict[str, object], tmp_path: Path) -> None:
    values = {"dpx": 0.005, "dpy": 0.005, "f": 5.5, "k": 0.004, "cx": 324, "cy": 282, "sx": 1}
    path = tmp_path / "camera.xml"
    path.write_text(TSAI.format(**values, t=[-7, 4, 30], r=[2, 1, 3]))
    read_calibration(path)
    path.write_text(TSAI.format(**(values | changed), t=[-7, 4, 30], r=[2, 1, 3]))
    with pytest.raises(ConfigError, match="expected a Tsai XML file") as caught:
        read_calibration(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        read_calibration(tmp_path / "none.xml")
    (tmp_path / "b.xml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not text"):
        read_calibration(tmp_path / "b.xml")
