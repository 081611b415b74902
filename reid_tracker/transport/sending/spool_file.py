"""The SQLite file of the disk buffer: opening it for one process, its table, its errors."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import SpoolError

_APPLICATION_ID = 0x52655370  # "ReSp" in ASCII; tells a spool from other SQLite files
_FORMAT = 1

_TABLE = """
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    data BLOB NOT NULL,
    size INTEGER NOT NULL,
    stored_s REAL NOT NULL
)
"""
_LARGEST_LOG = 4 * 2**20


class DamagedSpoolError(SpoolError):
    """The file's content is not what was written."""


class FullDiskError(SpoolError):
    """There is no space for the file now."""


def open_spool(path: Path) -> sqlite3.Connection:
    """Open a spool for this process alone, and make it where it is not there.

    Raises:
        DamagedSpoolError: its content is not what was written.
        FullDiskError: no space is left.
        SpoolError: it cannot be made, is of another kind, or in use by another process.
    """
    _make_private(path)
    with spool_errors(path):
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def spool_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into errors of the spool."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, str(error)) from None


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end of the `with` block, or undo all of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite undoes some failures by itself
            database.execute("ROLLBACK")
        raise


def set_aside(path: Path) -> Path:
    """Move a damaged file and its log away, in place of an earlier one, and return where it is.

    Raises:
        SpoolError: the folder cannot be written.
    """
    aside = path.with_name(f"{path.name}.damaged")
    try:
        for ending in ("-wal", "-shm", ""):
            part = path.with_name(path.name + ending)
            if part.exists():
                os.replace(part, aside.with_name(aside.name + ending))
    except OSError as error:
        raise SpoolError(f"cannot move the damaged {path} away: {error.strerror}") from None
    return aside


def delete(path: Path) -> None:
    """Delete a spool in which nothing waits.

    Raises:
        SpoolError: the folder cannot be written.
    """
    try:
        # The log first: the file without it is whole, if older.
        for ending in ("-wal", "-shm", ""):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    except OSError as error:
        raise SpoolError(f"cannot delete {path}: {error.strerror}") from None


def _make_private(path: Path) -> None:
    """Make an empty file that only its owner can read: embeddings are personal data."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(path) from None
        raise SpoolError(
            f"cannot open the spool {path}: {error.strerror}; choose another transport.spool"
        ) from None


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    # Exclusive before the first access: the lock ends with the process, however that ends.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    kind = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    new = not (kind or version or tables)
    if not new and (kind, version) != (_APPLICATION_ID, _FORMAT):
        raise SpoolError(
            f"{path} is an SQLite file, but no spool of this version; name another transport.spool"
        )
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    # FULL: what was acknowledged survives a power cut, not only the end of the process.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    # A small log: on a full disk it is what cannot be deleted.
    database.execute("PRAGMA wal_autocheckpoint = 256")
    database.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
    if new:
        with transaction(database):
            database.execute(_TABLE)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_FORMAT}")
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise DamagedSpoolError(f"{path} is damaged ({' '.join(str(found).split())})")


def _translated(path: Path, text: str) -> SpoolError:
    if any(word in text for word in ("malformed", "not a database", "encrypted", "no such")):
        return DamagedSpoolError(f"{path} is damaged ({text})")
    if "locked" in text:
        return SpoolError(f"{path} is in use by another process; give each its own transport.spool")
    if "full" in text:
        return _full(path)
    return SpoolError(f"cannot read or write {path}: {text}; look at its disk")


def _full(path: Path) -> FullDiskError:
    return FullDiskError(f"no space is left on the disk of {path}; free some")
