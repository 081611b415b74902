"""The SQLite file of the embedded gallery: its tables and its errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import StoreError, StoreUnavailableError
from reid_tracker.sqlite import (
    FileFormat,
    WrongFileError,
    make_private,
    means_damage,
    open_file,
    open_snapshot,
)

_FORMAT = FileFormat(
    application_id=0x52654944,  # "ReID" in ASCII
    version=1,
    tables="""
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
)
""",
    pragmas=("foreign_keys = ON",),
)


def open_database(
    path: Path, *, create: bool = True, read_only: bool = False
) -> sqlite3.Connection:
    """Open a gallery file for this process alone, or to read it a copy of what it holds now.

    Raises:
        StoreError: it does not exist, is damaged, of another kind, or used by another process.
    """
    if not path.exists() and (read_only or not create):
        raise StoreError(
            f"{path}: no such gallery; name one with --gallery, which a run with that option fills"
        )
    if read_only:
        try:
            with gallery_errors(path):
                return open_snapshot(path, _FORMAT)
        except OSError as error:
            raise StoreError(
                f"cannot copy the gallery {path} to read it: {error.strerror}; check its "
                "permissions and the space for temporary files"
            ) from None
    if not path.exists() or path.stat().st_size == 0:
        try:
            make_private(path)
        except OSError as error:
            raise StoreError(
                f"cannot create the gallery {path}: {error.strerror}; choose another path with "
                "--gallery"
            ) from None
    with gallery_errors(path):
        return open_file(path, _FORMAT)


@contextmanager
def gallery_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into errors of the gallery."""
    try:
        yield
    except WrongFileError as error:
        if error.version is None:
            raise StoreError(
                f"{path} is an SQLite file, but not a gallery; name another file with --gallery"
            ) from None
        raise StoreError(
            f"{path} has format {error.version}, this version of reid-track reads format "
            f"{_FORMAT.version}; export it with the version that wrote it, then import the file"
        ) from None
    except sqlite3.Error as error:
        raise _translated(path, str(error)) from None


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """Turn the errors of records that were never written into those of a damaged file."""
    try:
        yield
    except (ValueError, TypeError, RecursionError) as error:  # InputError is a ValueError
        raise damaged(path, str(error)) from None


def _translated(path: Path, text: str) -> StoreError:
    if "locked" in text:
        return StoreUnavailableError(
            f"{path} is in use by another process; wait for it to end, or share a gallery between "
            "processes with PostgreSQL: --gallery postgresql://..."
        )
    if "full" in text:
        return StoreUnavailableError(
            f"no space is left on the disk of {path}; free some, earlier data is not affected"
        )
    if "I/O" in text:
        return StoreUnavailableError(
            f"cannot read or write {path}: {text}; check its disk, earlier data is kept"
        )
    if "unable to open" in text or "readonly" in text:
        return StoreError(f"cannot open {path}: {text}; check its folder and permissions")
    if means_damage(text):
        return damaged(path, text)
    return StoreError(f"{path}: {text}")


def damaged(path: Path, why: str) -> StoreError:
    """Return the error for a file with damaged content."""
    return StoreError(
        f"{path} is damaged ({why}); move it away and import an earlier export with `reid-track "
        "gallery import`"
    )
