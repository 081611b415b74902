"""MOTChallenge text, JSON lines and CSV, read back."""

from __future__ import annotations

import csv
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reid_tracker.errors import OutputError
from reid_tracker.sink.files import TextSink
from reid_tracker.sink.text.csv_file import COLUMNS, CsvSink
from reid_tracker.sink.text.jsonl import JsonlSink
from reid_tracker.sink.text.mot import MotSink
from reid_tracker.types import FrameResult, Tracks
from tests.sink.results import make_result, make_tracks

BOXES = [[1.004, 2.0, 11.0, 22.5], [-3.25, -0.001, 4.0, 8.0]]


def write(sink: TextSink, *results: FrameResult) -> str:
    with sink:
        for result in results:
            sink.write(result)
    return sink.path.read_bytes().decode()


def test_mot_lines(tmp_path: Path) -> None:
    tracks = make_tracks([4, 17], BOXES)
    text = write(MotSink(tmp_path / "o.txt"), make_result(0, tracks), make_result(6, tracks))
    assert text == (
        "1,4,1.00,2.00,10.00,20.50,0.90,-1,-1,-1\n"
        "1,17,-3.25,0.00,7.25,8.00,0.50,-1,-1,-1\n"
        "7,4,1.00,2.00,10.00,20.50,0.90,-1,-1,-1\n"
        "7,17,-3.25,0.00,7.25,8.00,0.50,-1,-1,-1\n"
    )


def test_mot_keeps_large_ids_and_frames(tmp_path: Path) -> None:
    result = make_result(5_000_000, make_tracks([2**40]), timestamp_s=9.0)
    assert write(MotSink(tmp_path / "o.txt"), result).startswith(f"5000001,{2**40},")


def test_jsonl_object(tmp_path: Path) -> None:
    result = make_result(30, make_tracks([4, 17], BOXES), camera="Tür 1")
    text = write(JsonlSink(tmp_path / "o.jsonl"), result)
    assert json.loads(text) == {
        "schema": "reid_tracker/frame/1",
        "camera": "Tür 1",
        "frame": 30,
        "timestamp_s": 1.001,
        "tracks": [
            {
                "id": 4,
                "box": [1.0, 2.0, 11.0, 22.5],
                "score": 0.9,
                "class": 0,
                "age_s": 0.0,
                "observed": True,
                "detection_index": 0,
            },
            {
                "id": 17,
                "box": [-3.25, 0.0, 4.0, 8.0],
                "score": 0.5,
                "class": 0,
                "age_s": 1.0,
                "observed": False,
                "detection_index": -1,
            },
        ],
    }
    assert "-0.0" not in text


def test_jsonl_has_a_line_for_empty_frames(tmp_path: Path) -> None:
    text = write(JsonlSink(tmp_path / "o.jsonl"), make_result(3, Tracks.empty()))
    assert json.loads(text)["tracks"] == []


def test_csv_rows(tmp_path: Path) -> None:
    result = make_result(30, make_tracks([4, 17], BOXES), camera='a,"b"\nc')
    text = write(CsvSink(tmp_path / "o.csv"), result, make_result(31, Tracks.empty()))
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2
    assert rows[1] == {
        "camera": 'a,"b"\nc',
        "frame": "30",
        "timestamp_s": "1.001",
        "id": "17",
        "left": "-3.25",
        "top": "0.0",
        "right": "4.0",
        "bottom": "8.0",
        "score": "0.5",
        "class": "0",
        "age_s": "1.0",
        "observed": "0",
        "detection_index": "-1",
        "identity": "",
    }


@given(
    st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4).map(
            lambda box: [min(box[0], box[2]), min(box[1], box[3]), *map(max, box[:2], box[2:])]
        ),
        max_size=5,
    )
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_boxes_survive_the_round_trip(tmp_path: Path, boxes: list[list[float]]) -> None:
    tracks = make_tracks(range(1, len(boxes) + 1), boxes)
    line = write(JsonlSink(tmp_path / "o.jsonl", overwrite=True), make_result(0, tracks))
    read = [track["box"] for track in json.loads(line)["tracks"]]
    mot = write(MotSink(tmp_path / "o.txt", overwrite=True), make_result(0, tracks)).splitlines()
    assert len(mot) == len(read) == len(boxes)
    for box, from_json, from_mot in zip(boxes, read, mot, strict=True):
        assert from_json == pytest.approx(box, abs=0.0051)
        left, top, width, height = map(float, from_mot.split(",")[2:6])
        assert [left, top, left + width, top + height] == pytest.approx(box, abs=0.02)


def test_text_is_on_disk_before_closing(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "o.jsonl")
    for index in range(3):
        sink.write(make_result(index))
        assert len(sink.path.read_text().splitlines()) == index + 1
    sink.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_csv_file_whose_header_does_not_fit_is_taken_away(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.symlink_to("/dev/full")
    with pytest.raises(OutputError, match="No space left"):
        CsvSink(path, overwrite=True)
    assert not os.path.lexists(path)


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
