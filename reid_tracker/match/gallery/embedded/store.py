"""The embedded gallery: exact search in memory, made durable in one SQLite file with a log (WAL).

One process at a time; no server. The file is read into memory when it is opened.
"""

from __future__ import annotations

import math
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.closing import Closing
from reid_tracker.errors import InputError, ReidTrackerError, StoreError
from reid_tracker.match.gallery.embedded.file import (
    open_database,
    shrink,
    sqlite_errors,
    transaction,
)
from reid_tracker.match.gallery.embedded.memory import VectorMemory
from reid_tracker.match.gallery.embedded.read import load, read_events, read_info, read_sightings
from reid_tracker.match.gallery.embedded.write import MemoryChange, write_all
from reid_tracker.match.gallery.records import (
    ANYWHERE,
    Embedding,
    EventRecord,
    Hit,
    SightingRecord,
    StoreInfo,
    Where,
)
from reid_tracker.match.gallery.sql_rows import (
    about,
    conditions,
    highest_identity,
    in_parts,
    last_of_each,
    marks,
)
from reid_tracker.match.gallery.store import check_model, check_query


class EmbeddedStore(Closing):
    """A gallery in one file; see `GalleryStore` for what it promises.

    Args:
        path: the file.
        create: make it if it is not there.
        dtype: of the vectors in memory: float16, or float32 for twice the memory and faster
            searches without a filter.
        clock: tells the time of writing, UTC seconds since 1970.

    Raises:
        StoreError: the file is not there, damaged, of another kind, or in use by another process.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        dtype: npt.DTypeLike = np.float16,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = Path(path)
        self._clock = clock
        self._dtype = dtype
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = open_database(self._path, create=create)
        self._known: tuple[str, int] | None = None
        self._memory: VectorMemory | None = None
        self._stale = True
        try:
            with self._use():
                pass
        except BaseException:
            self.close()
            raise

    def _read_all(self, database: sqlite3.Connection) -> None:
        """Read model and vectors into memory."""
        found = database.execute("SELECT hash, embedding_size FROM models").fetchone()
        self._known = found
        self._memory = None
        if found is not None:
            self._memory = VectorMemory(found[1], self._dtype)
            load(database, self._path, self._memory, found[1])
        self._stale = False

    @contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        with self._lock, sqlite_errors(self._path):
            if self._open is None:
                raise StoreError(f"{self._path} was closed; open it again")
            if self._stale:
                self._read_all(self._open)
            try:
                yield self._open
            except (sqlite3.Error, ReidTrackerError):
                raise
            except BaseException:
                # Ctrl-C, perhaps between a commit and what follows it in memory.
                self._stale = True
                raise

    def reserve_identities(self, count: int) -> range:
        """See `GalleryStore`."""
        if count < 1:
            raise InputError(f"count = {count}: expected at least 1")
        with self._use() as database, transaction(database):
            (first,) = database.execute(
                "SELECT value FROM counters WHERE name = 'next_identity'"
            ).fetchone()
            database.execute(
                "UPDATE counters SET value = ? WHERE name = 'next_identity'", (first + count,)
            )
        return range(first, first + count)

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """See `GalleryStore`."""
        sightings = last_of_each(sightings)
        with self._use() as database:
            known = self._known
            for sighting in sightings:
                size = sighting.embeddings.shape[1]
                check_model(str(self._path), known, sighting.model, size)
                known = known or (sighting.model, size)
            with transaction(database):
                change = write_all(database, sightings, events, crops or {}, self._clock())
                highest = highest_identity(sightings, events)
                database.execute(
                    "UPDATE counters SET value = max(value, ?) WHERE name = 'next_identity'",
                    (highest + 1,),
                )
            self._known = known
            self._follow(change)

    def _follow(self, change: MemoryChange) -> None:
        """Do in memory what was just committed."""
        if self._memory is None and self._known is not None:
            self._memory = VectorMemory(self._known[1], self._dtype)
        if self._memory is None:
            return
        if change.replaced:
            self._memory.remove(np.array(change.replaced, np.int64))
        if change.added is not None:
            self._memory.append(change.added)
        for numbers, previous, identity in change.moves:
            self._memory.assign(np.array(numbers, np.int64), identity)
            if previous:
                self._memory.reassign(previous, identity)

    def nearest(
        self,
        query: Embedding,
        *,
        model: str,
        k: int = 10,
        where: Where = ANYWHERE,
        one_per_identity: bool = False,
    ) -> list[Hit]:
        """See `GalleryStore`."""
        query = check_query(query, k)
        with self._use() as database:
            check_model(str(self._path), self._known, model, len(query))
            if self._memory is None:
                return []
            numbers, scores = self._memory.search(
                query, k, where, one_per_identity=one_per_identity
            )
            found: dict[int, SightingRecord] = {}
            for part in in_parts(numbers.tolist()):
                rows = self._select(database, f"number IN ({marks(part, '?')})", part)
                found.update(rows)
        return [
            Hit(float(score), found[number])
            for number, score in zip(numbers.tolist(), scores.tolist(), strict=True)
        ]

    def sightings(
        self, where: Where = ANYWHERE, *, limit: int | None = None
    ) -> list[SightingRecord]:
        """See `GalleryStore`."""
        condition, values = conditions(where, "?")
        # A limit of -1 is none.
        ordered = f"{condition} ORDER BY start_s, number LIMIT ?"
        with self._use() as database:
            rows = self._select(database, ordered, [*values, -1 if limit is None else limit])
        return [sighting for _, sighting in rows]

    def pages(self, rows: int = 1000) -> Iterator[list[SightingRecord]]:
        """See `GalleryStore`."""
        after = 0
        while True:
            with self._use() as database:
                page = self._select(database, "number > ? ORDER BY number LIMIT ?", [after, rows])
            if not page:
                return
            after = page[-1][0]
            yield [sighting for _, sighting in page]

    def _select(
        self, database: sqlite3.Connection, rest: str, values: Sequence[Any]
    ) -> list[tuple[int, SightingRecord]]:
        """Return sightings with their numbers; `rest` holds marks where `values` belong."""
        if self._known is None:
            return []
        return read_sightings(database, self._path, self._known, rest, values)

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """See `GalleryStore`."""
        with self._use() as database:
            events = read_events(database, self._path)
        return events if identity is None else about(events, identity)

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """See `GalleryStore`."""
        found: dict[str, bytes] = {}
        with self._use() as database:
            for part in in_parts(ids):
                some = f"SELECT id, picture FROM crops WHERE id IN ({marks(part, '?')})"  # noqa: S608
                found.update(database.execute(some, part))
        return found

    def forget(self, identity: int) -> int:
        """See `GalleryStore`."""
        if identity < 1:
            raise InputError(f"identity {identity}: expected a positive number")
        with self._use():
            events = [event.id for event in self.events(identity)]
            return self._delete("identity = ?", identity, events, f"forget {identity}")

    def purge(self, stored_before_s: float = math.inf) -> int:
        """See `GalleryStore`."""
        with self._use() as database:
            rows = database.execute("SELECT id FROM events WHERE stored_s < ?", (stored_before_s,))
            events = [row[0] for row in rows]
            return self._delete("stored_s < ?", stored_before_s, events, "purge")

    def _delete(self, condition: str, value: float, events: Sequence[str], what: str) -> int:
        """Delete sightings on a condition with one mark, their crops, and events by id."""
        with self._use() as database:
            chosen = f"FROM sightings WHERE {condition}"
            with transaction(database):
                numbers = [row[0] for row in database.execute(f"SELECT number {chosen}", (value,))]
                database.execute(f"DELETE FROM crops WHERE id IN (SELECT id {chosen})", (value,))  # noqa: S608
                database.execute(f"DELETE {chosen}", (value,))
                database.executemany("DELETE FROM events WHERE id = ?", [(id,) for id in events])
                if numbers:
                    database.execute(
                        "INSERT INTO deletions (time_s, what, sightings) VALUES (?, ?, ?)",
                        (self._clock(), what, len(numbers)),
                    )
                empty = database.execute("SELECT NOT EXISTS (SELECT 1 FROM sightings)").fetchone()
                if empty[0]:
                    database.execute("DELETE FROM models")
            if empty[0]:
                self._known = self._memory = None
            elif self._memory is not None:
                self._memory.remove(np.array(numbers, np.int64))
            if numbers or events:
                shrink(database)
        return len(numbers)

    def count(self) -> int:
        """See `GalleryStore`."""
        with self._use() as database:
            return int(database.execute("SELECT count(*) FROM sightings").fetchone()[0])

    def info(self) -> StoreInfo:
        """See `GalleryStore`."""
        with self._use() as database:
            embeddings = 0 if self._memory is None else len(self._memory)
            return read_info(database, self._path, self._known, embeddings)

    def close(self) -> None:
        """See `GalleryStore`."""
        with self._lock, sqlite_errors(self._path):
            if self._open is not None:
                self._open.close()
            self._open = self._memory = None
