"""Opening what a configuration asks for, and closing it whatever happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import SinkGroup, open_shared_sinks, open_sinks
from reid_tracker.sink.text.csv_rows import CsvSink
from tests.sink.results import (
    INFO,
    LAST,
    make_result,
)

ALL = OutputConfig(video=True, mot=True, jsonl=True, csv=True, crops=True)


NAMES = ["cam.csv", "cam.jsonl", "cam.mp4", "cam.txt", "cam_crops"]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_importing_loads_no_heavy_package() -> None:
    code = (
        "import sys, reid_tracker.sink; "
        "sys.exit(bool({'cv2', 'av', 'supervision', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_everything_that_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "new"
    with SinkGroup(open_sinks(folder, ALL, INFO, "cam")) as group:
        for index in range(3):
            group.write(make_result(index))
    assert names(folder) == NAMES
    assert all(path.is_dir() or path.stat().st_size for path in folder.iterdir())


def test_nothing_is_asked_for(tmp_path: Path) -> None:
    config = OutputConfig(video=False, mot=False, jsonl=False)
    assert open_sinks(tmp_path, config, INFO, "cam") == []
    assert names(tmp_path) == []


def test_names_of_cameras_become_file_names(tmp_path: Path) -> None:
    config = OutputConfig(video=False, jsonl=False)
    (sink,) = open_sinks(tmp_path, config, INFO, "../a b:1")
    sink.close()
    assert names(tmp_path) == [".._a_b_1.txt"]


@pytest.mark.parametrize("existing", NAMES)
def test_any_existing_output_refuses_all(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("earlier")
    with pytest.raises(OutputError, match=rf"{existing} exists already.*--overwrite"):
        open_sinks(tmp_path, ALL, INFO, "cam")
    assert names(tmp_path) == [existing]
    assert (tmp_path / existing).read_text() == "earlier"


def test_overwrites_when_told_to(tmp_path: Path) -> None:
    for _ in range(2):
        with SinkGroup(open_sinks(tmp_path, ALL, INFO, "cam", overwrite=True)) as group:
            group.write(make_result())
    assert names(tmp_path) == NAMES


def test_failing_last_sink_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: CsvSink, path: Path, *, overwrite: bool) -> None:
        raise OutputError("no")

    monkeypatch.setattr(CsvSink, "__init__", fail)
    with pytest.raises(OutputError, match="no"):
        open_sinks(tmp_path / "runs" / "x", ALL, INFO, "cam")
    assert names(tmp_path) == []


@pytest.mark.parametrize("folder", ["file", "file/below", "/proc/nothing"])
def test_folder_that_cannot_be_made(tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        open_sinks(tmp_path / folder, ALL, INFO, "cam")
    assert names(tmp_path) == ["file"]


def test_nothing_asked_for_leaves_nothing(tmp_path: Path) -> None:
    config = OutputConfig(video=False, mot=False, jsonl=False, mosaic=False, pictures=False)
    with open_shared_sinks(tmp_path, config, {"cam": INFO}, lambda camera: False) as shared:
        shared.write(make_result(0))
        shared.write_events(LAST)
    assert not list(tmp_path.iterdir())
