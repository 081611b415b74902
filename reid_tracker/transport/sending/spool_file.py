"""The SQLite file of the disk buffer: its table and its errors."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import SpoolError
from reid_tracker.sqlite import FileFormat, WrongFileError, make_private, means_damage, open_file

_FORMAT = FileFormat(
    application_id=0x52655370,  # "ReSp" in ASCII
    version=1,
    tables="""
CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    subject TEXT NOT NULL,
    data BLOB NOT NULL,
    size INTEGER NOT NULL,
    stored_s REAL NOT NULL
)
""",
    # A small write-ahead log, since it cannot be deleted on a full disk.
    pragmas=("wal_autocheckpoint = 256", f"journal_size_limit = {4 * 2**20}"),
)


class DamagedSpoolError(SpoolError):
    """The content of the file is damaged."""


class FullDiskError(SpoolError):
    """The disk has no space for the file."""


def open_spool(path: Path) -> sqlite3.Connection:
    """Open a spool for this process alone, and create it if it does not exist.

    Raises:
        DamagedSpoolError: the content is damaged.
        FullDiskError: no space is left.
        SpoolError: the file cannot be created, is not a spool, or another process uses it.
    """
    try:
        make_private(path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(path) from None
        raise SpoolError(
            f"cannot open the spool {path}: {error.strerror}; choose another transport.spool"
        ) from None
    with spool_errors(path):
        database = open_file(path, _FORMAT)
        try:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise DamagedSpoolError(f"{path} is damaged ({' '.join(str(found).split())})")
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def spool_errors(path: Path) -> Iterator[None]:
    """Translate SQLite's errors to `SpoolError`."""
    try:
        yield
    except WrongFileError:
        raise SpoolError(
            f"{path} is an SQLite file, but not a spool of this version; choose another "
            "transport.spool"
        ) from None
    except sqlite3.Error as error:
        raise _translated(path, str(error)) from None


def set_aside(path: Path) -> Path:
    """Rename a damaged file and its log to NAME.damaged, and return the new path.

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
        raise SpoolError(f"cannot rename the damaged {path}: {error.strerror}") from None
    return aside


def delete(path: Path) -> None:
    """Delete a spool that holds no messages.

    Raises:
        SpoolError: the folder cannot be written.
    """
    try:
        # Delete the log first: without it the file is still a valid spool.
        for ending in ("-wal", "-shm", ""):
            path.with_name(path.name + ending).unlink(missing_ok=True)
    except OSError as error:
        raise SpoolError(f"cannot delete {path}: {error.strerror}") from None


def _translated(path: Path, text: str) -> SpoolError:
    if means_damage(text):
        return DamagedSpoolError(f"{path} is damaged ({text})")
    if "locked" in text:
        return SpoolError(
            f"{path} is in use by another process; give each process its own transport.spool"
        )
    if "full" in text:
        return _full(path)
    return SpoolError(f"cannot read or write {path}: {text}; check its disk")


def _full(path: Path) -> FullDiskError:
    return FullDiskError(f"no space is left on the disk of {path}; free some space")
