"""Shipped files are found both in a checkout and in an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker import resources
from reid_tracker.resources import shipped


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty stand-in for the folder of the package, beside which configs/ and weights/ lie."""
    folder = tmp_path / "site" / "reid_tracker"
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", folder)
    for name in ("configs", "weights"):
        (folder.parent / name).mkdir()
    return folder


@pytest.mark.parametrize(
    "parts",
    [("configs", "default.yaml"), ("configs", "trackers", "deepsort.yaml"), ("weights",)],
)
def test_shipped_files_exist(parts: tuple[str, ...]) -> None:
    path = shipped(*parts)
    assert path.exists()
    assert path.is_absolute()
    assert path.parts[-len(parts) :] == parts


def test_result_does_not_depend_on_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shipped("configs", "default.yaml")
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    assert shipped("configs", "default.yaml") == before
    assert before.is_file()


def test_missing_file_is_a_path_too() -> None:
    path = shipped("weights", "nothing_of_this_name.onnx")
    assert path.parent == shipped("weights")
    assert not path.exists()


def test_checkout_uses_the_folder_beside_the_package(package: Path) -> None:
    assert shipped("configs", "a.yaml") == package.parent / "configs" / "a.yaml"


def test_wheel_uses_the_folder_inside_the_package(package: Path) -> None:
    (package / "configs").mkdir()
    assert shipped("configs", "a.yaml") == package / "configs" / "a.yaml"


def test_folders_are_looked_up_one_by_one(package: Path) -> None:
    (package / "configs").mkdir()
    assert shipped("weights", "a.onnx") == package.parent / "weights" / "a.onnx"
