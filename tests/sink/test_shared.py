"""What all cameras share: table, global ids and crops, with the identities that hold at the end."""

from __future__ import annotations

import csv
import dataclasses
import sys
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from reid_tracker.config import OutputConfig
from reid_tracker.errors import MissingDependencyError, OutputError
from reid_tracker.sink import open_shared_sinks, open_sinks
from reid_tracker.sink.crops.identities import IdentityCropSink
from reid_tracker.sink.text.csv_file import CsvSink
from reid_tracker.sink.text.parquet import ParquetSink
from reid_tracker.types import EventKind, FrameResult, Identities, IdentityEvent, VideoInfo
from tests.sink.results import INFO, make_result, make_tracks

STEMS = {"door": "door", "hall": "hall"}


def event(kind: EventKind, identity: int, *members: tuple[str, int]) -> IdentityEvent:
    return IdentityEvent(kind, identity, (), members, "", 1.0, 0.0)


def seen(
    camera: str, index: int, who: dict[int, int], *events: IdentityEvent, time_s: float = 0.0
) -> FrameResult:
    """A frame with tracks and the identities that they have live."""
    boxes = [[5.0 + 12 * k, 7, 15 + 12 * k, 40] for k in range(len(who))]
    tracks = make_tracks(list(who), boxes)
    tracks = dataclasses.replace(tracks, observed=np.ones(len(who), np.bool_))
    ids = np.array(list(who.values()), np.int64)
    result = make_result(index, tracks, camera=camera, timestamp_s=time_s)
    identities = Identities(tracks.ids, ids, np.ones(len(ids), np.float32))
    return dataclasses.replace(result, identities=identities, events=events)


RUN = [
    seen("door", 0, {1: 0, 2: 0}),
    seen("hall", 0, {1: 0}),
    seen("door", 1, {1: 1, 2: 2}, event("new", 1, ("door", 1)), event("new", 2, ("door", 2))),
    seen("hall", 1, {1: 3, 9: 0}, event("new", 3, ("hall", 1)), time_s=2.0),
]
LAST = [event("merge", 1, ("hall", 1)), event("split", 0, ("door", 2))]
FINAL = {("door", 1): 1, ("door", 2): None, ("hall", 1): 1, ("hall", 9): None}


def rows_of(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def test_the_table_has_final_and_live_identities(tmp_path: Path) -> None:
    with ParquetSink(tmp_path / "s.parquet") as sink:
        for result in RUN:
            sink.write(result)
        sink.write_events(LAST)
    rows = rows_of(tmp_path / "s.parquet")
    assert [(row["camera"], row["frame"], row["track"]) for row in rows] == [
        ("door", 0, 1), ("door", 0, 2), ("hall", 0, 1),
        ("door", 1, 1), ("door", 1, 2), ("hall", 1, 1), ("hall", 1, 9),
    ]  # fmt: skip
    assert [row["identity"] for row in rows] == [FINAL[row["camera"], row["track"]] for row in rows]
    assert [row["live_identity"] for row in rows] == [None, None, None, 1, 2, 3, None]
    assert rows[4]["left"] == 17.0
    assert rows[-1]["time_s"] == 2.0
    assert rows[0]["score"] == pytest.approx(0.9)
    assert not list(tmp_path.glob("*.part"))


def test_many_rows_come_in_groups_and_are_all_there(tmp_path: Path) -> None:
    tracks = {track: track for track in range(1, 501)}
    with ParquetSink(tmp_path / "s.parquet") as sink:
        for index in range(40):
            sink.write(seen("door" if index % 2 else "hall", index, tracks))
    table = pyarrow.parquet.read_table(tmp_path / "s.parquet")
    assert table.num_rows == 20_000
    assert pyarrow.parquet.ParquetFile(tmp_path / "s.parquet").num_row_groups > 1
    assert table["live_identity"].to_pylist() == [*range(1, 501)] * 40
    assert table["camera"].to_pylist() == (["hall"] * 500 + ["door"] * 500) * 20


def test_what_was_written_before_a_kill_is_readable(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "s.parquet")
    tracks = {track: 0 for track in range(1, 501)}
    for index in range(40):
        sink.write(seen("door", index, tracks))
    # Not closed: this is what a kill leaves.
    with pyarrow.OSFile(str(tmp_path / "s.parquet.part")) as file:
        reader = pyarrow.ipc.open_stream(file)
        rows = 0
        with suppress(StopIteration, pyarrow.ArrowInvalid, OSError):  # where the file breaks off
            while True:
                rows += reader.read_next_batch().num_rows
    assert 8_000 < rows <= 20_000
    with pytest.raises(OutputError, match="exists already"):
        ParquetSink(tmp_path / "s.parquet")
    sink.close()
    assert len(rows_of(tmp_path / "s.parquet")) == 20_000


def test_equal_results_give_equal_bytes_and_no_boxes_an_empty_table(tmp_path: Path) -> None:
    for name in ("a", "b", "none"):
        with ParquetSink(tmp_path / f"{name}.parquet") as sink:
            for result in RUN if name != "none" else []:
                sink.write(result)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert rows_of(tmp_path / "none.parquet") == []
    with pytest.raises(OutputError, match="--overwrite"):
        ParquetSink(tmp_path / "a.parquet")
    ParquetSink(tmp_path / "a.parquet", overwrite=True).close()
    assert rows_of(tmp_path / "a.parquet") == []


def test_without_pyarrow_the_message_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[parquet\]"):
        ParquetSink(tmp_path / "s.parquet")
    assert not list(tmp_path.iterdir())


def test_csv_has_the_identity_of_the_frame(tmp_path: Path) -> None:
    with CsvSink(tmp_path / "o.csv") as sink:
        for result in [*RUN, make_result(7)]:
            sink.write(result)
    with (tmp_path / "o.csv").open(newline="") as file:
        found = [row["identity"] for row in csv.DictReader(file)]
    assert found == ["", "", "", "1", "2", "3", "", "", "", ""]


def crops_in(folder: Path) -> dict[str, list[str]]:
    return {
        home.name: sorted(path.name for path in home.iterdir()) for home in sorted(folder.iterdir())
    }


def test_crops_move_to_who_they_turn_out_to_be(tmp_path: Path) -> None:
    with IdentityCropSink(tmp_path / "crops", STEMS, every_s=0) as sink:
        sink.write(RUN[0])
        assert crops_in(tmp_path / "crops") == {
            "unsure": ["door_000001_frame000000.jpg", "door_000002_frame000000.jpg"]
        }
        for result in RUN[1:]:
            sink.write(result)
        found = crops_in(tmp_path / "crops")
        assert list(found) == ["identity-0001", "identity-0002", "identity-0003", "unsure"]
        assert found["identity-0003"] == [
            "hall_000001_frame000000.jpg",
            "hall_000001_frame000001.jpg",
        ]
        sink.write_events(LAST)
    found = crops_in(tmp_path / "crops")
    assert list(found) == ["identity-0001", "unsure"]  # folders that became empty are gone
    assert [name[:11] for name in found["identity-0001"]] == ["door_000001"] * 2 + [
        "hall_000001"
    ] * 2
    assert [name[:11] for name in found["unsure"]] == ["door_000002"] * 2 + ["hall_000009"]


def test_overwriting_crops_leaves_other_files_alone(tmp_path: Path) -> None:
    with IdentityCropSink(tmp_path / "crops", STEMS) as sink:
        sink.write(RUN[0])
    (tmp_path / "crops" / "notes").mkdir()
    with pytest.raises(OutputError, match="--overwrite"):
        IdentityCropSink(tmp_path / "crops", STEMS)
    IdentityCropSink(tmp_path / "crops", STEMS, overwrite=True).close()
    assert [path.name for path in (tmp_path / "crops").iterdir()] == ["notes"]


def test_global_mot_has_final_identities_and_the_same_boxes(tmp_path: Path) -> None:
    info = VideoInfo(64, 48, Fraction(10))
    config = OutputConfig(video=False, jsonl=False, mosaic=False, pictures=False)
    own = {camera: open_sinks(tmp_path, config, info, camera)[0] for camera in ("door", "hall")}
    shared = open_shared_sinks(tmp_path, config, dict.fromkeys(own, info), lambda camera: False)
    for result in RUN:
        own[result.camera].write(result)
        shared.write(result)
    shared.write_events(LAST)
    for sink in (*own.values(), shared):
        sink.close()
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


def test_nothing_asked_for_leaves_nothing(tmp_path: Path) -> None:
    config = OutputConfig(video=False, mot=False, jsonl=False, mosaic=False, pictures=False)
    with open_shared_sinks(tmp_path, config, {"cam": INFO}, lambda camera: False) as shared:
        shared.write(make_result(0))
        shared.write_events(LAST)
    assert not list(tmp_path.iterdir())
