"""The file of the spool: errors, renaming and deletion."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from reid_tracker.errors import SpoolError
from reid_tracker.transport.sending.spool_file import (
    DamagedSpoolError,
    FullDiskError,
    delete,
    open_spool,
    set_aside,
    spool_errors,
)


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("database disk image is malformed", DamagedSpoolError, "is damaged"),
        ("file is not a database", DamagedSpoolError, "is damaged"),
        ("database or disk is full", FullDiskError, "no space is left"),
        ("database is locked", SpoolError, "in use by another process"),
        ("disk I/O error", SpoolError, "check its disk"),
    ],
)
def test_errors_of_sqlite(text: str, kind: type[SpoolError], words: str) -> None:
    with pytest.raises(SpoolError, match=words) as caught, spool_errors(Path("spool.sqlite")):
        raise sqlite3.OperationalError(text)
    assert type(caught.value) is kind


def test_a_damaged_file_is_moved_with_its_log_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    for content in (b"first", b"second"):
        path.write_bytes(content)
        path.with_name("spool.sqlite-wal").write_bytes(content)
        assert set_aside(path) == tmp_path / "spool.sqlite.damaged"
        assert not path.exists()
    assert sorted(os.listdir(tmp_path)) == ["spool.sqlite.damaged", "spool.sqlite.damaged-wal"]
    assert (tmp_path / "spool.sqlite.damaged").read_bytes() == b"second"


def test_deleting_removes_all_parts(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    database = open_spool(path)
    database.execute("INSERT INTO messages VALUES (1, 'a', 'b', x'00', 1, 0.0)")
    database.close()
    delete(path)
    delete(path)
    assert os.listdir(tmp_path) == []


def test_files_that_are_not_databases_count_as_damaged(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    path.write_bytes(b"noise" * 1000)
    with pytest.raises(DamagedSpoolError):
        open_spool(path)
