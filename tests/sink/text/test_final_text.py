"""Texts with the identities that hold at the end of a run."""

from __future__ import annotations

import csv
import io
import json
from fractions import Fraction
from pathlib import Path

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import FORMATS, open_shared_sinks, open_sinks
from reid_tracker.sink.files import TextSink
from reid_tracker.sink.text.csv_rows import CsvSink
from reid_tracker.sink.text.final_text import FinalTextSink
from reid_tracker.sink.text.json_lines import JsonlSink
from reid_tracker.sink.text.mot_text import MotSink
from reid_tracker.types import VideoInfo
from tests.sink.results import LAST, RUN, event, seen


def test_global_mot_has_final_identities_and_the_same_boxes(tmp_path: Path) -> None:
    info = VideoInfo(64, 48, Fraction(10))
    config = OutputConfig(video=False, jsonl=False, mosaic=False, pictures=False)
    own = {camera: open_sinks(tmp_path, config, info, camera)[0] for camera in ("door", "hall")}
    shared = open_shared_sinks(tmp_path, config, dict.fromkeys(own, info), lambda camera: False)
    for result in RUN:
        own[result.camera].write(result)
        shared.write(result)
    shared.write_events(LAST)
    for sink in own.values():
        sink.close()
    shared.close()
    lines = (tmp_path / "door_global.txt").read_text().splitlines()
    own_lines = (tmp_path / "door.txt").read_text().splitlines()
    assert lines == [line for line in own_lines if line.split(",")[1] == "1"]
    assert [
        line.split(",")[:2] for line in (tmp_path / "hall_global.txt").read_text().splitlines()
    ] == [
        ["1", "1"],
        ["2", "1"],
    ]
    with pytest.raises(OutputError, match=r"door_global\.txt exists"):
        open_shared_sinks(tmp_path, config, dict.fromkeys(own, info), lambda camera: False)


@pytest.mark.parametrize("kind", [MotSink, JsonlSink, CsvSink])
def test_no_format_repeats_an_identity_in_a_frame(tmp_path: Path, kind: type[TextSink]) -> None:
    copy = next(
        one.copy for one in FORMATS.values() if one.copy and kind.__module__ == one.copy.__module__
    )
    path, target = tmp_path / "a", tmp_path / "b"
    with kind(path) as sink, FinalTextSink({"door": (path, target)}, copy) as final:
        for frame in (0, 1):
            sink.write(seen("door", frame, {1: 0, 2: 0}))
        sink.close()
        final.write_events([event("merge", 1, ("door", 1), ("door", 2))])
    text = target.read_text()
    if kind is MotSink:
        assert [line.split(",")[:2] for line in text.splitlines()] == [["1", "1"], ["2", "1"]]
    elif kind is CsvSink:
        assert [row["identity"] for row in csv.DictReader(io.StringIO(text))] == ["", "1"] * 2
    else:
        rows = [json.loads(line)["tracks"] for line in text.splitlines()]
        assert [[track["identity"] for track in tracks] for tracks in rows] == [[None, 1]] * 2
