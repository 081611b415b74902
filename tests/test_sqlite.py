from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reid_tracker.sqlite import (
    FileFormat,
    WrongFileError,
    make_private,
    means_damage,
    open_file,
    open_snapshot,
    shrink,
    transaction,
)

_FORM = FileFormat(
    application_id=0x54657374,
    version=3,
    tables="CREATE TABLE one (value BLOB); CREATE TABLE two (value TEXT)",
    pragmas=("wal_autocheckpoint = 77",),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "file.sqlite"
    make_private(path)
    return path


def test_a_new_file_is_private_and_gets_its_tables(path: Path) -> None:
    database = open_file(path, _FORM)
    names = [row[0] for row in database.execute("SELECT name FROM sqlite_master ORDER BY name")]
    assert names == ["one", "two"]
    assert database.execute("PRAGMA user_version").fetchone() == (3,)
    assert database.execute("PRAGMA wal_autocheckpoint").fetchone() == (77,)
    assert database.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database.close()


def test_making_a_file_private_keeps_its_content(path: Path) -> None:
    path.write_bytes(b"content")
    make_private(path)
    assert path.read_bytes() == b"content"


def test_what_was_stored_is_there_again(path: Path) -> None:
    database = open_file(path, _FORM)
    with transaction(database) as same:
        same.execute("INSERT INTO two VALUES ('kept')")
    database.close()
    database = open_file(path, _FORM)
    assert database.execute("SELECT value FROM two").fetchall() == [("kept",)]
    database.close()


def test_a_failed_transaction_stores_nothing(path: Path) -> None:
    database = open_file(path, _FORM)
    values = [("lost",), (object(),)]
    with pytest.raises(sqlite3.Error), transaction(database):
        database.executemany("INSERT INTO two VALUES (?)", values)
    assert database.execute("SELECT count(*) FROM two").fetchone() == (0,)
    assert not database.in_transaction
    database.close()


def test_a_second_opening_is_refused(path: Path) -> None:
    database = open_file(path, _FORM)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_file(path, _FORM)
    database.close()
    open_file(path, _FORM).close()


def test_another_version_and_another_program_are_refused_and_unchanged(path: Path) -> None:
    open_file(path, _FORM).close()
    later = FileFormat(_FORM.application_id, 4, _FORM.tables)
    with pytest.raises(WrongFileError) as error:
        open_file(path, later)
    assert error.value.version == 3
    foreign = path.with_name("foreign.sqlite")
    database = sqlite3.connect(foreign)
    database.execute("CREATE TABLE theirs (value)")
    database.commit()
    database.close()
    before = foreign.read_bytes()
    with pytest.raises(WrongFileError) as error:
        open_file(foreign, _FORM)
    assert error.value.version is None
    assert foreign.read_bytes() == before


def test_damage_is_told_from_other_errors(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(sqlite3.DatabaseError) as error:
        open_file(path, _FORM)
    assert means_damage(str(error.value))
    assert not means_damage("database is locked")
    assert not means_damage("database or disk is full")


def test_shrinking_gives_the_disk_back(path: Path) -> None:
    database = open_file(path, _FORM)
    database.execute("INSERT INTO one VALUES (zeroblob(1000000))")
    database.execute("DELETE FROM one")
    shrink(database)
    assert path.stat().st_size < 100_000
    assert path.with_name(path.name + "-wal").stat().st_size == 0
    database.close()


_RESTLESS = """
import itertools, os, random, sys
from pathlib import Path
from reid_tracker.sqlite import open_file, shrink, transaction
from tests.test_sqlite import _FORM
database = open_file(Path(sys.argv[1]), _FORM)
for turn in itertools.count():
    with transaction(database):
        # Every page is written anew, and all rows hold the same number.
        database.execute("DELETE FROM two")
        database.execute("DELETE FROM one")
        for _ in range(random.randint(1, 60)):
            database.execute("INSERT INTO one VALUES (?)", (os.urandom(3000),))
            database.execute("INSERT INTO two VALUES (?)", (turn,))
    if turn % 5 == 0:
        shrink(database)
    elif turn % 2:
        database.execute("PRAGMA wal_checkpoint(PASSIVE)")
    if turn == 3:
        print("writing", flush=True)
"""


@pytest.mark.slow
def test_a_snapshot_is_whole_while_another_process_writes(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _RESTLESS, str(path)], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"writing\n"
            turns = []
            for _ in range(40):
                database = open_snapshot(path, _FORM)
                assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                ((turn, same),) = database.execute("SELECT max(value), min(value) FROM two")
                assert turn == same
                turns.append(int(turn))
                with pytest.raises(sqlite3.OperationalError, match="readonly"):
                    database.execute("DELETE FROM two")
                database.close()
        finally:
            process.kill()
    assert turns == sorted(turns)
    assert turns[-1] > turns[0]
