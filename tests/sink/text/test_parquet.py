"""The table of all boxes, with the identities that hold at the end."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest

from reid_tracker.errors import MissingDependencyError, OutputError
from reid_tracker.sink.text.parquet import ParquetSink
from tests.sink.results import (
    FINAL,
    LAST,
    RUN,
    seen,
)


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
