"""Text files: complete lines at any moment, whatever the disk does."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.text.json_lines import JsonlSink
from tests.sink.results import (
    make_result,
)


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
