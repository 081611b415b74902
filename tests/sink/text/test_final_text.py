"""Texts with the identities that hold at the end of a run."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import open_shared_sinks, open_sinks
from reid_tracker.types import VideoInfo
from tests.sink.results import (
    LAST,
    RUN,
)


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
