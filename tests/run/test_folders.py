"""The folder of a run's results: one run at a time, and none left empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError, OutputError
from reid_tracker.run.folders import claim, removed_unless_started, result_folder


def test_a_second_run_in_a_folder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    release = claim(tmp_path)
    with pytest.raises(OutputError, match="another run is writing to"):
        claim(tmp_path)
    release()
    claim(tmp_path)()
    assert not list(tmp_path.iterdir())


def test_a_refused_start_leaves_no_empty_folder(tmp_path: Path) -> None:
    def refused() -> None:
        with result_folder(tmp_path / "runs" / "door", "") as folder:
            assert folder.is_dir()
            raise InputError("no model")

    with pytest.raises(InputError):
        refused()
    assert not (tmp_path / "runs").exists()
    with result_folder(tmp_path / "runs" / "door", "") as folder:
        (folder / "door.txt").touch()
    assert (tmp_path / "runs" / "door" / "door.txt").exists()
    (tmp_path / "mine").mkdir()
    with result_folder(tmp_path / "mine", ""):
        pass
    assert (tmp_path / "mine").is_dir()


def test_outputs_of_a_start_that_fails_are_removed_and_earlier_ones_stay(tmp_path: Path) -> None:
    names = ("early.txt", "new.txt", "crops", "full", "never")
    early, new, crops, full, _ = paths = [tmp_path / name for name in names]

    def start(fails: bool) -> None:
        with removed_unless_started(paths) as started:
            new.touch()
            crops.mkdir()
            full.mkdir(exist_ok=True)
            (full / "not ours").touch()
            if fails:
                raise OutputError("no space left")
            started()

    early.touch()
    with pytest.raises(OutputError, match="no space left"):
        start(fails=True)
    assert set(tmp_path.iterdir()) == {early, full}
    start(fails=False)
    assert set(tmp_path.iterdir()) == {early, new, crops, full}


def test_a_run_keeps_others_out_of_its_folder(tmp_path: Path) -> None:
    busy = "another run is writing to"
    with result_folder(tmp_path, ""), pytest.raises(OutputError, match=busy):
        result_folder(tmp_path, "").__enter__()
    with result_folder(tmp_path, ""):
        pass
