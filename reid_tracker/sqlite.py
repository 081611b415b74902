"""SQLite files that one process writes alone: how the gallery and the disk buffer open theirs."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_ATTEMPTS = 20
_DAMAGE = ("malformed", "not a database", "encrypted", "no such")


@dataclass(frozen=True)
class FileFormat:
    """What a kind of SQLite file holds.

    Attributes:
        application_id: 32 bits that tell this kind from other SQLite files.
        version: number of the format; another version is not opened.
        tables: statements that create the tables of a new file, separated by semicolons.
        pragmas: settings of each connection, such as "foreign_keys = ON".
    """

    application_id: int
    version: int
    tables: str
    pragmas: tuple[str, ...] = ()


class WrongFileError(Exception):
    """The file belongs to another program, or has another version of the format.

    Attributes:
        version: number of the file's format; None if it belongs to another program.
    """

    def __init__(self, version: int | None) -> None:
        super().__init__(version)
        self.version = version


def make_private(path: Path) -> None:
    """Make a file that only its owner can read, also if it exists; creates its folder.

    Raises:
        OSError: the file cannot be created or opened for writing.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.fchmod(descriptor, 0o600)  # an empty file may have been there
    finally:
        os.close(descriptor)


def open_file(path: Path, form: FileFormat) -> sqlite3.Connection:
    """Open an existing file for this process alone; an empty one gets its tables.

    What a transaction has stored survives a power cut, and deleted data is overwritten. The
    connection is in autocommit mode and may be used by any thread, one at a time.

    Raises:
        sqlite3.Error: the file is damaged, in use by another process, or cannot be read.
        WrongFileError: the file is of another kind.
    """
    database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        _prepare(database, form)
    except BaseException:
        database.close()
        raise
    return database


def open_snapshot(path: Path, form: FileFormat) -> sqlite3.Connection:
    """Open a private copy of an existing file to read it, also while another process writes.

    The copy is gone from the disk as soon as it is open.

    Raises:
        sqlite3.Error: the file is damaged or changes faster than it can be copied.
        WrongFileError: the file is of another kind.
        OSError: it cannot be read, or there is no space for the copy.
    """
    with tempfile.TemporaryDirectory(prefix="reid-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "snapshot"
        _copy_whole(path, copy)
        database = open_file(copy, form)
    database.execute("PRAGMA query_only = ON")
    return database


def _copy_whole(path: Path, copy: Path) -> None:
    """Copy a file and its log, which belong together.

    Pages are changed in the file only while they are in the log, too, so that the log repairs a
    copy of the file in which a page is old, new or half written. Only a log that began anew in the
    meantime does not; its head says so. Where there was none, nothing may have changed.
    """
    log = path.with_name(f"{path.name}-wal")
    for _ in range(_ATTEMPTS):
        before = _state(path, log)
        shutil.copyfile(path, copy)
        with suppress(FileNotFoundError):
            shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
        if _state(path, log) == before:
            return
    raise sqlite3.OperationalError("database is locked: it changes while it is copied")


def _state(path: Path, log: Path) -> bytes | tuple[int, int]:
    try:
        with log.open("rb") as file:
            head = file.read(32)
    except FileNotFoundError:
        head = b""
    status = path.stat()
    return head or (status.st_mtime_ns, status.st_size)


def _prepare(database: sqlite3.Connection, form: FileFormat) -> None:
    # Exclusive before the first access: the lock ends with the process, however that ends, and the
    # index of the log needs no shared memory.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    kind = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    new = not (kind or version or tables)
    if not new and kind != form.application_id:
        raise WrongFileError(None)
    if not new and version != form.version:
        raise WrongFileError(version)
    # synchronous FULL: a commit survives a power cut, not only the end of the process.
    for pragma in (
        "auto_vacuum = INCREMENTAL",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        *form.pragmas,
    ):
        database.execute(f"PRAGMA {pragma}")
    if new:
        with transaction(database):
            for statement in form.tables.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {form.application_id}")
            database.execute(f"PRAGMA user_version = {form.version}")


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit at the end of the `with` block, or undo all of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite undoes some failures by itself
            database.execute("ROLLBACK")
        raise


def shrink(database: sqlite3.Connection) -> None:
    """Give free pages back to the disk and empty the log, which may still hold deleted data."""
    # A script, since `execute` runs only the first step of this one, which frees one page.
    database.executescript("PRAGMA incremental_vacuum")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def means_damage(message: str) -> bool:
    """Tell whether SQLite's error message says that the content of the file is damaged."""
    return any(word in message for word in _DAMAGE)
