"""The embedded gallery: one SQLite file, searched in memory. It needs no server.

Only one process can use it at a time. The vectors are read into memory when it is opened. Those of
a large gallery get an index, which is never written to a file: nothing deleted can stay in one, and
no crash can damage it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.arrays import Float32Array
from reid_tracker.errors import InputError, ReidTrackerError, StoreError
from reid_tracker.match.gallery.embedded.file import gallery_errors, open_database, undamaged
from reid_tracker.match.gallery.embedded.indexer import Indexer
from reid_tracker.match.gallery.embedded.load import LOADED_COLUMNS, load, vector_rows
from reid_tracker.match.gallery.embedded.memory import Rows, VectorMemory
from reid_tracker.match.gallery.records import (
    EventRecord,
    SightingRecord,
    Where,
    from_bytes,
    to_bytes,
)
from reid_tracker.match.gallery.sql_store import (
    SIGHTING_COLUMNS,
    Condition,
    Dialect,
    SqlStore,
    record_of,
    row_of,
)
from reid_tracker.sqlite import shrink, transaction

_DIALECT = Dialect(
    among="{column} IN (SELECT value FROM json_each(?))",
    not_among="{column} NOT IN (SELECT value FROM json_each(?))",
    array=lambda values: json.dumps(list(values)),
    sequence=json.loads,
)


@dataclass
class MemoryChange:
    """What a transaction changes in memory after it is committed.

    Attributes:
        removed: numbers of sightings that were deleted or replaced.
        added: the vectors of new sightings.
        moves: numbers of sightings and the identity that they get.
        deleted: data was deleted, and must not stay in the file.
    """

    removed: list[int] = field(default_factory=list)
    added: Rows | None = None
    moves: list[tuple[list[int], int]] = field(default_factory=list)
    deleted: bool = False


class EmbeddedStore(SqlStore[sqlite3.Connection]):
    """A gallery in one file; see `GalleryStore` for what it guarantees.

    Args:
        path: the file.
        create: create it if it does not exist.
        read_only: read what the file holds now, also while another process uses it.
        dtype: type of the vectors in memory: float16, or float32 for twice the memory and faster
            searches without a filter.
        clock: returns the time of writing, UTC seconds since 1970.

    Raises:
        StoreError: the file does not exist, is damaged, of another kind, or used by another
            process.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        read_only: bool = False,
        dtype: npt.DTypeLike = np.float16,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("embedded", str(path), _DIALECT)
        self._path = Path(path)
        self._clock = clock
        self._dtype = dtype
        self._lock_of_threads = threading.RLock()
        self._indexer = Indexer(self._lock_of_threads)
        self._read_only = read_only
        self._open: sqlite3.Connection | None = open_database(
            self._path, create=create, read_only=read_only
        )
        self._memory: VectorMemory | None = None
        self._stale = True
        self._pending = MemoryChange()
        try:
            with self._use():
                pass
        except BaseException:
            self.close()
            raise

    @contextmanager
    def _use(self, patience: float = 1.0) -> Iterator[sqlite3.Connection]:
        with self._lock_of_threads, gallery_errors(self._path):
            if self._open is None:
                raise StoreError(f"{self._path} was closed; open it again")
            if self._stale:
                self._memory = self._new_memory(self._open)
                if self._memory is not None:
                    load(self._open, self._path, self._memory)
                    self._tend(self._memory)
                self._stale = False
            try:
                yield self._open
            except (sqlite3.Error, ReidTrackerError):
                raise
            except BaseException:
                # Ctrl-C, perhaps between a commit and the change of the memory.
                self._stale = True
                raise

    @contextmanager
    def _change(self, patience: float = 1.0) -> Iterator[sqlite3.Connection]:
        if self._read_only:
            raise StoreError(f"{self._path} was opened for reading only; open it for writing")
        with self._use(patience) as database:
            self._pending = MemoryChange()
            with transaction(database):
                yield database
            self._follow(self._pending)
            if self._pending.deleted:
                shrink(database)

    def _follow(self, change: MemoryChange) -> None:
        """Repeat in memory what was just committed."""
        assert self._open is not None  # noqa: S101 - a change has just used it
        if self._memory is None or self._model(self._open) is None:
            self._memory = self._new_memory(self._open)
        if self._memory is None:
            return
        if change.removed:
            self._memory.remove(np.array(change.removed, np.int64))
        if change.added is not None:
            self._memory.append(change.added)
        for numbers, identity in change.moves:
            self._memory.assign(np.array(numbers, np.int64), identity)
        self._tend(self._memory)

    def indexed(self, timeout_s: float | None = None) -> bool:
        """Wait until the index covers what is written; False if that takes longer."""
        return self._indexer.wait(timeout_s)

    def _tend(self, memory: VectorMemory) -> None:
        if not self._read_only:  # who only reads asks too few questions for an index
            self._indexer.tend(memory)

    def _new_memory(self, database: sqlite3.Connection) -> VectorMemory | None:
        model = self._model(database)
        return None if model is None else VectorMemory(model[1], self._dtype)

    def _run(self, connection: sqlite3.Connection, statement: str, *values: Any) -> Any:
        return connection.execute(statement, values)

    def _now_s(self, connection: sqlite3.Connection) -> float:
        return self._clock()

    def _reserve(self, connection: sqlite3.Connection, count: int) -> int:
        statement = "UPDATE counters SET value = value + ? WHERE name = 'next_identity'"
        return int(self._value(connection, f"{statement} RETURNING value", count))

    def _use_up(self, connection: sqlite3.Connection, identity: int) -> None:
        statement = "UPDATE counters SET value = max(value, ?) WHERE name = 'next_identity'"
        self._run(connection, statement, identity + 1)

    def _write(
        self,
        connection: sqlite3.Connection,
        sightings: Sequence[SightingRecord],
        crops: Mapping[str, bytes],
        now_s: float,
    ) -> None:
        if sightings:
            self._write_sightings(connection, sightings, now_s)
        for name, picture in crops.items():
            if not self._numbers(connection, "id = ?", name):
                raise InputError(f"a crop of sighting {name}, which is not in the gallery")
            self._run(connection, "INSERT OR REPLACE INTO crops VALUES (?, ?)", name, picture)

    def _write_sightings(
        self, database: sqlite3.Connection, sightings: Sequence[SightingRecord], now_s: float
    ) -> None:
        # A replaced sighting gets a new number, because numbers ascend in memory.
        condition = self._among("id", "text", [one.id for one in sightings])
        self._pending.removed = self._numbers(database, *condition)
        self._run(database, f"DELETE FROM sightings WHERE {condition[0]}", condition[1])  # noqa: S608
        last = "SELECT max(seq) FROM sqlite_sequence WHERE name = 'sightings'"
        first = (self._value(database, last) or 0) + 1
        model = self._value(database, "SELECT number FROM models")
        columns = ("number", *SIGHTING_COLUMNS, "embeddings", "model", "stored_s")
        rows = [
            (number, *row_of(one), to_bytes(one.embeddings), model, now_s)
            for number, one in enumerate(sightings, first)
        ]
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"INSERT INTO sightings ({', '.join(columns)}) VALUES ({marks})",  # noqa: S608
            rows,
        )
        places = [columns.index(name) for name in LOADED_COLUMNS]
        size = sightings[0].embeddings.shape[1]
        self._pending.added = vector_rows([[row[place] for place in places] for row in rows], size)

    def _move(
        self, connection: sqlite3.Connection, identity: int, condition: str, value: Any
    ) -> None:
        self._pending.moves.append((self._numbers(connection, condition, value), identity))
        super()._move(connection, identity, condition, value)

    def _numbers(self, database: sqlite3.Connection, condition: str, value: Any) -> list[int]:
        statement = f"SELECT number FROM sightings WHERE {condition}"  # noqa: S608 - marks
        return [row[0] for row in self._run(database, statement, value)]

    def _read(
        self,
        connection: sqlite3.Connection,
        condition: str,
        values: Sequence[Any],
        order: str,
        limit: int,
    ) -> list[tuple[int, SightingRecord]]:
        known = self._model(connection)
        if known is None:
            return []
        model, size = known
        rows = self._run(
            connection,
            f"SELECT number, embeddings, {', '.join(SIGHTING_COLUMNS)} FROM sightings "  # noqa: S608
            f"WHERE {condition} ORDER BY {order} LIMIT ?",
            *values,
            limit,
        )
        with undamaged(self._path):
            return [
                (number, record_of(row, from_bytes(vectors, size), model))
                for number, vectors, *row in rows
            ]

    def _search(
        self,
        connection: sqlite3.Connection,
        query: Float32Array,
        k: int,
        where: Where,
        one_per_identity: bool,
    ) -> list[tuple[int, float]]:
        if self._memory is None:
            return []
        numbers, scores = self._memory.search(query, k, where, one_per_identity=one_per_identity)
        return list(zip(numbers.tolist(), scores.tolist(), strict=True))

    def _delete(
        self,
        connection: sqlite3.Connection,
        sightings: Condition,
        events: Condition,
        what: str,
    ) -> int:
        (condition, value), (of_events, events_value) = sightings, events
        numbers = self._pending.removed = self._numbers(connection, condition, value)
        chosen = f"FROM sightings WHERE {condition}"
        self._run(connection, f"DELETE FROM crops WHERE id IN (SELECT id {chosen})", value)  # noqa: S608
        self._run(connection, f"DELETE {chosen}", value)
        done = self._run(connection, f"DELETE FROM events WHERE {of_events}", events_value)  # noqa: S608
        self._log_deletion(connection, what, len(numbers))
        self._pending.deleted = bool(numbers or done.rowcount)
        return len(numbers)

    def _totals(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        log = self._path.with_name(f"{self._path.name}-wal")
        size_bytes = self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)
        embeddings = 0 if self._memory is None else len(self._memory)
        next_identity = "SELECT value FROM counters WHERE name = 'next_identity'"
        return embeddings, self._value(connection, next_identity), size_bytes

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """See `GalleryStore`."""
        with undamaged(self._path):
            return super().events(identity)

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """See `GalleryStore`."""
        condition, value = self._among("id", "text", ids)
        with self._use() as database:
            statement = f"SELECT id, picture FROM crops WHERE {condition}"  # noqa: S608 - marks
            return dict(self._run(database, statement, value).fetchall())

    def close(self) -> None:
        """See `GalleryStore`."""
        self._indexer.close()
        with self._lock_of_threads, gallery_errors(self._path):
            if self._open is not None:
                self._open.close()
            self._open = self._memory = None
