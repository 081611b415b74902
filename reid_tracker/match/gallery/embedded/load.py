"""Reads the vectors of a gallery file into memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.match.gallery.embedded.file import damaged
from reid_tracker.match.gallery.embedded.memory import Rows, VectorMemory

LOADED_COLUMNS = ("number", "identity", "camera", "site", "start_s", "end_s", "embeddings")
"""Columns of the table `sightings` that searches need."""

_ROWS_AT_ONCE = 4096
_UNIT_TOLERANCE = 2e-2


def load(database: sqlite3.Connection, path: Path, memory: VectorMemory) -> None:
    """Read all vectors of a file into memory."""
    columns = ", ".join(LOADED_COLUMNS)
    rows = database.execute(f"SELECT {columns} FROM sightings ORDER BY number")  # noqa: S608
    while batch := rows.fetchmany(_ROWS_AT_ONCE):
        if any(not row[-1] or len(row[-1]) % (2 * memory.size) for row in batch):
            raise damaged(path, "an embedding has the wrong size")
        added = vector_rows(batch, memory.size)
        lengths = np.linalg.norm(added.vectors.astype(np.float32), axis=1)
        if not (np.abs(lengths - 1) < _UNIT_TOLERANCE).all():
            raise damaged(path, "an embedding is not of length 1")
        memory.append(added)


def vector_rows(rows: Sequence[Sequence[Any]], size: int) -> Rows:
    """Return the vectors of sightings, one row each, from the values of `LOADED_COLUMNS`."""
    numbers, identities, cameras, sites, starts, ends, blobs = zip(*rows, strict=True)
    views = np.array([len(blob) // (2 * size) for blob in blobs])
    owner = np.repeat(np.arange(len(rows)), views).tolist()
    return Rows(
        numbers=np.repeat(np.array(numbers, np.int64), views),
        identities=np.repeat(np.array(identities, np.int64), views),
        cameras=[cameras[row] for row in owner],
        sites=[sites[row] for row in owner],
        starts_s=np.repeat(np.array(starts, np.float64), views),
        ends_s=np.repeat(np.array(ends, np.float64), views),
        vectors=np.frombuffer(b"".join(blobs), "<f2").reshape(-1, size),
    )
