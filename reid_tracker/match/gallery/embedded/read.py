"""Reading the tables of the embedded gallery: its vectors into memory, records, and counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.match.gallery.embedded.file import damaged
from reid_tracker.match.gallery.embedded.memory import Rows, VectorMemory
from reid_tracker.match.gallery.records import Deletion, EventRecord, SightingRecord, StoreInfo
from reid_tracker.match.gallery.sql_rows import from_bytes

_LOAD_ROWS = 4096
_UNIT_TOLERANCE = 2e-2
_LATEST_DELETIONS = 20


def load(database: sqlite3.Connection, path: Path, memory: VectorMemory, size: int) -> None:
    """Read all vectors of a file into memory.

    Raises:
        StoreError: a vector is not what was written.
    """
    rows = database.execute(
        "SELECT number, identity, camera, site, start_s, end_s, embeddings FROM sightings "
        "ORDER BY number"
    )
    while batch := rows.fetchmany(_LOAD_ROWS):
        if any(not row[-1] or len(row[-1]) % (2 * size) for row in batch):
            raise damaged(path, "an embedding has the wrong size")
        added = memory_rows(batch, size)
        lengths = np.linalg.norm(added.vectors.astype(np.float32), axis=1)
        if not (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
            raise damaged(path, "an embedding is not of length 1")
        memory.append(added)


def memory_rows(rows: Sequence[tuple[Any, ...]], size: int) -> Rows:
    """Turn sightings into rows of memory.

    Args:
        rows: number, identity, camera, site, start, end, and the embeddings as bytes.
        size: D.
    """
    numbers, identities, cameras, sites, starts, ends, blobs = zip(*rows, strict=True)
    views = np.array([len(blob) // (2 * size) for blob in blobs])
    owner = np.repeat(np.arange(len(rows)), views).tolist()
    return Rows(
        np.repeat(np.array(numbers, np.int64), views),
        np.repeat(np.array(identities, np.int64), views),
        [cameras[row] for row in owner],
        [sites[row] for row in owner],
        np.repeat(np.array(starts, np.float64), views),
        np.repeat(np.array(ends, np.float64), views),
        np.frombuffer(b"".join(blobs), "<f2").reshape(-1, size),
    )


def read_sightings(
    database: sqlite3.Connection,
    path: Path,
    model: tuple[str, int],
    rest: str,
    values: Sequence[Any],
) -> list[tuple[int, SightingRecord]]:
    """Return sightings with their numbers.

    Args:
        database: to read.
        path: its file, for messages.
        model: hash, and size of an embedding.
        rest: of the statement, after WHERE, with marks where `values` belong.
        values: parameters.

    Raises:
        StoreError: a record is not what was written.
    """
    rows = database.execute(
        "SELECT number, id, identity, camera, site, start_s, end_s, embeddings, quality "  # noqa: S608
        f"FROM sightings WHERE {rest}",
        values,
    )
    try:
        return [
            (
                number,
                SightingRecord(
                    name,
                    identity,
                    camera,
                    site,
                    start_s,
                    end_s,
                    from_bytes(embeddings, model[1]),
                    quality,
                    model[0],
                ),
            )
            for number, name, identity, camera, site, start_s, end_s, embeddings, quality in rows
        ]
    except (ValueError, TypeError) as error:  # InputError is a ValueError
        raise damaged(path, str(error)) from None


def read_events(database: sqlite3.Connection, path: Path) -> list[EventRecord]:
    """Return all events in the order written.

    Raises:
        StoreError: a record is not what was written.
    """
    rows = database.execute(
        "SELECT id, kind, identity, time_s, previous, sightings, reason, score FROM events "
        "ORDER BY number"
    )
    try:
        return [
            EventRecord(
                name,
                kind,
                identity,
                time_s,
                tuple(json.loads(previous)),
                tuple(json.loads(sightings)),
                reason,
                score,
            )
            for name, kind, identity, time_s, previous, sightings, reason, score in rows
        ]
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(path, str(error)) from None


def read_info(
    database: sqlite3.Connection, path: Path, model: tuple[str, int] | None, embeddings: int
) -> StoreInfo:
    """Count what is there."""

    def one(query: str) -> Any:
        return database.execute(query).fetchone()[0]

    deletions = database.execute(
        "SELECT time_s, what, sightings FROM deletions ORDER BY number DESC LIMIT ?",
        (_LATEST_DELETIONS,),
    )
    cameras = database.execute("SELECT DISTINCT camera FROM sightings ORDER BY camera")
    log = path.with_name(f"{path.name}-wal")
    return StoreInfo(
        kind="embedded",
        place=str(path),
        sightings=one("SELECT count(*) FROM sightings"),
        embeddings=embeddings,
        identities=one("SELECT count(DISTINCT identity) FROM sightings WHERE identity > 0"),
        events=one("SELECT count(*) FROM events"),
        crops=one("SELECT count(*) FROM crops"),
        cameras=tuple(row[0] for row in cameras),
        first_s=one("SELECT min(start_s) FROM sightings"),
        last_s=one("SELECT max(end_s) FROM sightings"),
        model=None if model is None else model[0],
        embedding_size=None if model is None else model[1],
        next_identity=one("SELECT value FROM counters WHERE name = 'next_identity'"),
        size_bytes=path.stat().st_size + (log.stat().st_size if log.exists() else 0),
        deletions=tuple(Deletion(*row) for row in deletions),
    )
