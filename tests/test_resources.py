"""Shipped files are found in a checkout and in an installed package; cores are counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reid_tracker import resources
from reid_tracker.resources import shipped, usable_cores, video_threads


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


def test_cores_are_those_that_this_process_may_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert (usable_cores(), video_threads()) == (16, 4)
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert usable_cores() == 16
    for quota, cores in ((250_000, 2), (30_000, 1), (9_900_000, 16)):
        (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
        assert usable_cores() == cores
    assert video_threads() == 4
    monkeypatch.delattr(os, "sched_getaffinity")
    (tmp_path / "cpu.max").unlink()
    assert usable_cores() == os.cpu_count()


def test_the_quota_of_older_containers_counts_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for quota, cores in (("-1", 16), ("300000", 3)):
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        assert usable_cores() == cores
