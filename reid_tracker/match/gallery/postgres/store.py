"""The gallery in PostgreSQL with pgvector: one store for many machines.

A search is exact: an index on camera and time finds the sightings that a filter lets through, and
only their vectors are compared.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.closing import Closing
from reid_tracker.errors import InputError, StoreError, StoreUnavailableError
from reid_tracker.match.gallery.postgres.read import read_info, read_sightings
from reid_tracker.match.gallery.postgres.sql import (
    broken_after,
    connect,
    place_of,
    postgres_errors,
)
from reid_tracker.match.gallery.postgres.write import write_all
from reid_tracker.match.gallery.records import (
    ANYWHERE,
    Embedding,
    EventRecord,
    Hit,
    SightingRecord,
    StoreInfo,
    Where,
)
from reid_tracker.match.gallery.sql_rows import about, conditions, last_of_each
from reid_tracker.match.gallery.store import check_model, check_query

if TYPE_CHECKING:
    from psycopg import Connection

_PATIENCE = 6.0
"""Deletions of much that is old take longer than anything else."""

_ESTIMATE = "SELECT reltuples FROM pg_class WHERE oid = 'sightings'::regclass"
_MOST_COUNTED = 1_000_000
"""To count more takes PostgreSQL longer than the answer is worth."""

_NEAREST = """
SELECT sightings.number, min(vectors.embedding <#> %s) AS distance
FROM sightings JOIN vectors ON vectors.sighting = sightings.number
WHERE {condition} GROUP BY sightings.number ORDER BY distance, sightings.number LIMIT %s
"""

_NEAREST_OF_EACH = """
SELECT number, distance FROM (
    SELECT DISTINCT ON (sightings.identity)
        sightings.number, vectors.embedding <#> %s AS distance
    FROM sightings JOIN vectors ON vectors.sighting = sightings.number
    WHERE sightings.identity > 0 AND {condition}
    ORDER BY sightings.identity, distance, sightings.number
) AS best ORDER BY distance, number LIMIT %s
"""


class PostgresStore(Closing):
    """A gallery in a database; see `GalleryStore` for what it promises.

    A connection that broke is made anew by the next call.

    Args:
        address: postgresql://USER@HOST/DATABASE; libpq also takes the password from ~/.pgpass and
            PGPASSWORD.
        schema: in which the tables are, so that a database can hold several galleries.
        clock: tells the time of writing, UTC seconds since 1970; by default the server's.
        limit_s: a call that takes longer is broken off as if the server were away, deletions only
            after six times as long; None waits.

    Raises:
        StoreUnavailableError: the server does not answer.
        StoreError: it refuses, has no pgvector, or holds tables of another version.
        ConfigError: the address cannot be read.
        MissingDependencyError: psycopg or pgvector is not installed.
    """

    def __init__(
        self,
        address: str,
        *,
        schema: str = "reid_gallery",
        clock: Callable[[], float] | None = None,
        limit_s: float | None = None,
    ) -> None:
        self._address = address
        self._place = place_of(address)
        self._schema = schema
        self._clock = clock
        self._limit_s = limit_s
        self._lock = threading.RLock()
        self._connection: Connection[Any] | None = None
        self._closed = False
        with self._use():
            pass

    @contextmanager
    def _use(self, patience: float = 1.0) -> Iterator[Connection[Any]]:
        """Give the connection inside a transaction that ends with the block.

        Args:
            patience: times the limit that the block may take.
        """
        limit_s = None if self._limit_s is None else patience * self._limit_s
        with self._lock:
            if self._closed:
                raise StoreError(f"{self._place} was closed; open it again")
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._address, self._place, self._schema, self._limit_s)
            try:
                with (
                    postgres_errors(self._place),
                    broken_after(self._connection, limit_s),
                    self._connection.transaction(),
                ):
                    yield self._connection
            except StoreUnavailableError:
                # Whatever state it is in, the next call starts with a new one.
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise

    def _now(self, connection: Connection[Any]) -> float:
        if self._clock is not None:
            return self._clock()
        return float(_one(connection, "SELECT extract(epoch FROM now())::float8"))

    def _model(self, connection: Connection[Any]) -> tuple[str, int] | None:
        found = connection.execute("SELECT hash, embedding_size FROM models").fetchone()
        return None if found is None else (found[0], found[1])

    def _share(self, connection: Connection[Any], kind: str = "_shared") -> None:
        """Until the transaction ends, keep others from emptying the store, or from writing."""
        lock = f"SELECT pg_advisory_xact_lock{kind}(hashtext(%s))"
        connection.execute(lock, (f"reid write {self._schema}",))

    def reserve_identities(self, count: int) -> range:
        """See `GalleryStore`."""
        if count < 1:
            raise InputError(f"count = {count}: expected at least 1")
        with self._use() as connection:
            end = connection.execute(
                "UPDATE state SET next_identity = next_identity + %s RETURNING next_identity",
                (count,),
            ).fetchone()
        assert end is not None  # noqa: S101 - the table has one row
        return range(end[0] - count, end[0])

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """See `GalleryStore`."""
        sightings = last_of_each(sightings)
        with self._use() as connection:
            self._share(connection)
            if sightings:
                first = sightings[0]
                connection.execute(
                    "INSERT INTO models (hash, embedding_size) VALUES (%s, %s) "
                    "ON CONFLICT DO NOTHING",
                    (first.model, first.embeddings.shape[1]),
                )
            known = self._model(connection)
            for sighting in sightings:
                size = sighting.embeddings.shape[1]
                check_model(self._place, known, sighting.model, size)
            write_all(connection, sightings, events, crops or {}, self._now(connection))

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
        from pgvector import HalfVector

        query = check_query(query, k)
        with self._use() as connection:
            check_model(self._place, self._model(connection), model, len(query))
            condition, values = self._conditions(connection, where)
            text = (_NEAREST_OF_EACH if one_per_identity else _NEAREST).format(condition=condition)
            vector = HalfVector(query.astype(np.float16))
            rows = connection.execute(text, [vector, *values, k]).fetchall()
            numbers = [row[0] for row in rows]
            found = dict(read_sightings(connection, "number = ANY(%s)", [numbers]))
        return [Hit(-distance, found[number]) for number, distance in rows]

    def _conditions(self, connection: Connection[Any], where: Where) -> tuple[str, list[Any]]:
        longest = math.inf
        if where.since_s > -math.inf:
            longest = _one(connection, "SELECT longest_s FROM state")
        return conditions(where, "%s", longest)

    def sightings(
        self, where: Where = ANYWHERE, *, limit: int | None = None
    ) -> list[SightingRecord]:
        """See `GalleryStore`."""
        with self._use() as connection:
            condition, values = self._conditions(connection, where)
            rows = read_sightings(
                connection, condition, values, order="start_s, number", most=limit
            )
        return [sighting for _, sighting in rows]

    def pages(self, rows: int = 1000) -> Iterator[list[SightingRecord]]:
        """See `GalleryStore`."""
        after = 0
        while True:
            with self._use() as connection:
                page = read_sightings(connection, "number > %s", [after], most=rows)
            if not page:
                return
            after = page[-1][0]
            yield [sighting for _, sighting in page]

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """See `GalleryStore`."""
        with self._use() as connection:
            rows = connection.execute(
                "SELECT id, kind, identity, time_s, previous, sightings, reason, score FROM events "
                "ORDER BY number"
            ).fetchall()
        events = [EventRecord(*row) for row in rows]
        return events if identity is None else about(events, identity)

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """See `GalleryStore`."""
        with self._use() as connection:
            rows = connection.execute(
                "SELECT id, picture FROM crops JOIN sightings ON number = sighting "
                "WHERE id = ANY(%s)",
                (list(ids),),
            ).fetchall()
        return {name: bytes(picture) for name, picture in rows}

    def forget(self, identity: int) -> int:
        """See `GalleryStore`."""
        if identity < 1:
            raise InputError(f"identity {identity}: expected a positive number")
        with self._use(_PATIENCE) as connection:
            self._share(connection, "")
            ids = [event.id for event in self.events(identity)]
            connection.execute("DELETE FROM events WHERE id = ANY(%s)", (ids,))
            done = connection.execute("DELETE FROM sightings WHERE identity = %s", (identity,))
            return self._log(connection, f"forget {identity}", done.rowcount)

    def purge(self, stored_before_s: float = math.inf) -> int:
        """See `GalleryStore`."""
        with self._use(_PATIENCE) as connection:
            self._share(connection, "")
            connection.execute("DELETE FROM events WHERE stored_s < %s", (stored_before_s,))
            done = connection.execute(
                "DELETE FROM sightings WHERE stored_s < %s", (stored_before_s,)
            )
            return self._log(connection, "purge", done.rowcount)

    def _log(self, connection: Connection[Any], what: str, count: int) -> int:
        """Note a deletion, and free an empty store for another model."""
        if count:
            connection.execute(
                "INSERT INTO deletions (time_s, what, sightings) VALUES (%s, %s, %s)",
                (self._now(connection), what, count),
            )
        connection.execute("DELETE FROM models WHERE NOT EXISTS (SELECT 1 FROM sightings)")
        return count

    def count(self) -> int:
        """See `GalleryStore`."""
        with self._use() as connection:
            estimate = int(_one(connection, _ESTIMATE))
            if estimate > _MOST_COUNTED:
                return estimate
            return int(_one(connection, "SELECT count(*) FROM sightings"))

    def info(self) -> StoreInfo:
        """See `GalleryStore`."""
        with self._use() as connection:
            return read_info(connection, self._place, self._model(connection))

    def close(self) -> None:
        """See `GalleryStore`."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _one(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]
