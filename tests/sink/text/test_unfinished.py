"""What a killed run left is completed from its own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.sink import SinkGroup, finish_texts, open_shared_sinks, open_sinks
from tests.sink.results import INFO, LAST, RUN

CONFIG = OutputConfig(video=False, mosaic=False, csv=True)
CAMERAS = {"door": INFO, "hall": INFO}
GLOBAL = [f"{camera}_global{suffix}" for camera in CAMERAS for suffix in (".csv", ".jsonl", ".txt")]


def write_run(folder: Path) -> None:
    own = {camera: SinkGroup(open_sinks(folder, CONFIG, INFO, camera)) for camera in CAMERAS}
    shared = open_shared_sinks(folder, CONFIG, CAMERAS, lambda camera: False, final_rows=True)
    for result in RUN:
        own[result.camera].write(result)
        shared.write(result)
    shared.write_events(LAST)
    for sinks in (*own.values(), shared):
        sinks.close()


def globals_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*_global*"))}


def test_makes_the_same_files_as_a_run_that_ends(tmp_path: Path) -> None:
    write_run(tmp_path)
    expected = globals_in(tmp_path)
    assert list(expected) == GLOBAL
    for name in GLOBAL:
        (tmp_path / name).unlink()
    assert sorted(path.name for path in finish_texts(tmp_path)) == GLOBAL
    assert globals_in(tmp_path) == expected


def test_makes_only_what_is_missing_and_skips_half_lines(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "door_global.csv").unlink()
    with (tmp_path / "identities.jsonl").open("a") as file:
        file.write('{"schema": "reid_tra')
    assert finish_texts(tmp_path) == [tmp_path / "door_global.csv"]
    assert finish_texts(tmp_path) == []


def test_a_folder_without_events_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "door.txt").write_text("1,1,0,0,1,1,1,-1,-1,-1\n")
    assert finish_texts(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["door.txt"]


def test_damaged_events_are_one_clear_error(tmp_path: Path) -> None:
    write_run(tmp_path)
    (tmp_path / "door_global.txt").unlink()
    (tmp_path / "identities.jsonl").write_text('{"schema": "something else"}\n')
    with pytest.raises(OutputError, match="are damaged: ValueError"):
        finish_texts(tmp_path)
