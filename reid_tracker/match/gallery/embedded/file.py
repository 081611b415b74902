"""The SQLite file of the embedded gallery: opening it for one process, its tables, its errors."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import StoreError, StoreUnavailableError

_APPLICATION_ID = 0x52654944  # "ReID" in ASCII; tells a gallery from other SQLite files
_FORMAT = 1

_TABLES = """
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('next_identity', 1);
CREATE TABLE models (
    number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, embedding_size INTEGER NOT NULL
);
CREATE TABLE sightings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    identity INTEGER NOT NULL,
    camera TEXT NOT NULL,
    site TEXT NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    quality REAL NOT NULL,
    model INTEGER NOT NULL REFERENCES models (number),
    stored_s REAL NOT NULL,
    embeddings BLOB NOT NULL
);
CREATE INDEX sightings_identity ON sightings (identity, start_s);
CREATE INDEX sightings_camera ON sightings (camera, start_s);
CREATE INDEX sightings_stored ON sightings (stored_s);
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    identity INTEGER NOT NULL,
    time_s REAL NOT NULL,
    previous TEXT NOT NULL,
    sightings TEXT NOT NULL,
    reason TEXT NOT NULL,
    score REAL NOT NULL,
    stored_s REAL NOT NULL
);
CREATE TABLE crops (id TEXT PRIMARY KEY, picture BLOB NOT NULL);
CREATE TABLE deletions (
    number INTEGER PRIMARY KEY, time_s REAL NOT NULL, what TEXT NOT NULL, sightings INTEGER NOT NULL
);
"""


def open_database(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open a gallery file for this process alone; the connection is in autocommit mode.

    Args:
        path: the file.
        create: make it if it is not there.

    Raises:
        StoreError: it is not there, damaged, of another kind, or in use by another process.
    """
    if not path.exists():
        if not create:
            raise StoreError(f"{path}: no such gallery; check the path after --gallery")
        _make_private(path)
    with sqlite_errors(path):
        database = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    return database


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises into errors of the gallery."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, str(error)) from None


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
    """Give free pages back to the disk and empty the log, where deleted data may still stand."""
    # A script, since `execute` runs only the first step of this one, which frees one page.
    database.executescript("PRAGMA incremental_vacuum")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _make_private(path: Path) -> None:
    """Make an empty file that only its owner can read: embeddings are personal data."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"cannot make the gallery {path}: {error.strerror}; choose a place with --gallery"
        ) from None


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    # Exclusive before the first access: the lock is the file's own and ends with the process,
    # however that ends, and the log's index needs no shared memory.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA auto_vacuum = INCREMENTAL")
    database.execute("PRAGMA journal_mode = WAL")
    # FULL: what was acknowledged survives a power cut, not only the end of the process.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA secure_delete = ON")
    database.execute("PRAGMA foreign_keys = ON")
    with transaction(database):
        kind = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not (kind or version or tables):
            for statement in _TABLES.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_FORMAT}")
        elif kind != _APPLICATION_ID:
            raise StoreError(f"{path} is an SQLite file, but no gallery; name another --gallery")
        elif version != _FORMAT:
            raise StoreError(
                f"{path} has format {version}, this version of reid-track reads {_FORMAT}; export "
                "it with the version that wrote it, and import that"
            )


def _translated(path: Path, text: str) -> StoreError:
    if "locked" in text:
        return StoreUnavailableError(
            f"{path} is in use by another process; wait for it to end, or share a gallery between "
            "processes with PostgreSQL: --gallery postgresql://..."
        )
    if "full" in text:
        return StoreUnavailableError(
            f"no space is left on the disk of {path}; free some, what was stored before is unharmed"
        )
    if "I/O" in text:
        return StoreUnavailableError(
            f"cannot read or write {path}: {text}; look at its disk, what was stored before is kept"
        )
    if "unable to open" in text or "readonly" in text:
        return StoreError(f"cannot open {path}: {text}; check its folder and permissions")
    if any(word in text for word in ("malformed", "not a database", "encrypted", "no such")):
        return damaged(path, text)
    return StoreError(f"{path}: {text}")


def damaged(path: Path, why: str) -> StoreError:
    """Return the error for a file whose content is not what was written."""
    return StoreError(
        f"{path} is damaged ({why}); move it away and import an earlier export with `reid-track "
        "gallery import`"
    )
