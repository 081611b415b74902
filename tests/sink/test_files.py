"""Text files: complete lines at any moment, whatever the disk does."""

from __future__ import annotations

import errno
import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import FORMATS, open_shared_sinks, open_sinks, output_paths
from reid_tracker.sink.text.json_lines import JsonlSink
from tests.sink.results import INFO, make_result


def test_text_is_on_disk_before_closing(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "o.jsonl")
    for index in range(3):
        sink.write(make_result(index))
        assert len(sink.path.read_text().splitlines()) == index + 1
    sink.close()


class FilesUp:
    """A raw file that takes `room` bytes and then has no space left."""

    def __init__(self, file: Any, room: int) -> None:
        self.file = file
        self.room = room

    def write(self, data: memoryview) -> int:
        taken = min(len(data), self.room, 100)  # a raw file may take less than it is given
        if taken == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= taken
        return int(self.file.write(data[:taken]))

    def truncate(self, size: int) -> int:
        return int(self.file.truncate(size))

    def close(self) -> None:
        self.file.close()


def test_no_half_line_stays_on_a_full_disk(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "o.jsonl")
    sink._file = FilesUp(sink._file, room=1000)  # type: ignore[assignment]

    def run() -> None:
        for index in range(10):
            sink.write(make_result(index))

    with pytest.raises(OutputError, match="No space left"):
        run()
    sink.close()
    lines = sink.path.read_text().splitlines()
    assert 0 < len(lines) < 10
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))


@pytest.mark.parametrize("name", list(FORMATS))
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "000001").mkdir()
    config = OutputConfig(video=False, mot=False, jsonl=False, mosaic=False)
    config = replace(config, **{name: True} if hasattr(config, name) else {"extra": (name,)})
    folder = tmp_path / "out"
    folder.mkdir()
    for path in output_paths(folder, ["cam"]):
        path.symlink_to(target / ("000001" if "crops" in path.name else "file"))
    before = sorted(path.name for path in target.rglob("*"))
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(OutputError, match="symbolic link"))
        open_sinks(folder, config, INFO, "cam", overwrite=True)
        open_shared_sinks(folder, config, {"cam": INFO}, lambda camera: True, overwrite=True)
    assert sorted(path.name for path in target.rglob("*")) == before
