"""Opening what a configuration asks for, and closing it whatever happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import Sink, SinkGroup, open_sinks, open_window
from reid_tracker.sink.text.csv_file import CsvSink
from reid_tracker.types import FrameResult
from tests.sink.results import INFO, make_result

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


class Recorder:
    """A sink that notes its closing, and may fail to."""

    def __init__(self, log: list[str], name: str, error: BaseException | None = None) -> None:
        self.path = Path(name)
        self.log = log
        self.error = error

    def write(self, result: FrameResult) -> None:
        self.log.append(f"write {self.path}")

    def close(self) -> None:
        self.log.append(f"close {self.path}")
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize("error", [OutputError("full"), KeyboardInterrupt()])
def test_group_closes_all_where_one_fails(error: BaseException) -> None:
    log: list[str] = []
    sinks: list[Sink] = [Recorder(log, "a", error), Recorder(log, "b", error), Recorder(log, "c")]
    group = SinkGroup(sinks)
    group.write(make_result())
    with pytest.raises(type(error)):
        group.close()
    assert log == ["write a", "write b", "write c", "close a", "close b", "close c"]


def test_window_without_a_screen_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(OutputError, match="there is no screen"):
        open_window("cam", OutputConfig())
