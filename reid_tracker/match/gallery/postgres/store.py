"""The gallery in PostgreSQL with pgvector: one store for many machines.

An index on camera and time finds the sightings that pass a filter, and only their vectors are
compared. Where too many pass, a process that asks often compares only the candidates of an index
that it keeps (`mirror`).
"""

from __future__ import annotations

import hashlib
import logging
import math
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.errors import InputError, StoreError, StoreUnavailableError
from reid_tracker.match.gallery.postgres.connection import (
    broken_after,
    connect,
    numbers_changes,
    place_of,
    postgres_errors,
)
from reid_tracker.match.gallery.postgres.mirror import Mirror
from reid_tracker.match.gallery.records import SightingRecord, Where
from reid_tracker.match.gallery.sql_store import (
    SIGHTING_COLUMNS,
    Condition,
    Dialect,
    SqlStore,
    record_of,
    row_of,
)

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

_KEY_BYTES = 32

_DIALECT = Dialect(
    among="{column} = ANY(?::{type}[])",
    not_among="{column} NOT IN (SELECT unnest(?::{type}[]))",
    array=list,
    sequence=tuple,
)

_ESTIMATE = "SELECT reltuples FROM pg_class WHERE oid = 'sightings'::regclass"
_MAX_COUNTED = 1_000_000
"""Counting more takes PostgreSQL longer than the answer is worth."""

_UPSERT = """
INSERT INTO sightings (id, identity, camera, site, start_s, end_s, quality, stored_s)
SELECT *, ? FROM unnest(
    ?::text[], ?::bigint[], ?::text[], ?::text[], ?::float8[], ?::float8[], ?::float8[]
)
ON CONFLICT (id) DO UPDATE SET
    (identity, camera, site, start_s, end_s, quality, stored_s{change}) =
    ROW (excluded.identity, excluded.camera, excluded.site, excluded.start_s, excluded.end_s,
         excluded.quality, excluded.stored_s{default})
RETURNING id, number
"""

_UPSERT_CROP = """
INSERT INTO crops SELECT number, ? FROM sightings WHERE id = ?
ON CONFLICT (sighting) DO UPDATE SET picture = excluded.picture RETURNING sighting
"""

_UPSERT_KEY = """
INSERT INTO crop_keys VALUES (?, ?) ON CONFLICT (sighting) DO UPDATE SET key = excluded.key
"""

_CROPS = """
SELECT id, picture, key FROM crops JOIN sightings ON number = crops.sighting
LEFT JOIN crop_keys ON crop_keys.sighting = crops.sighting WHERE {condition}
"""

_SIGHTINGS = """
SELECT number, (SELECT hash FROM models WHERE models.number = chosen.model),
    (SELECT array_agg(embedding ORDER BY view) FROM vectors WHERE sighting = chosen.number),
    {columns}
FROM (SELECT * FROM sightings WHERE {condition} ORDER BY {order} LIMIT ?) AS chosen
ORDER BY {order}
"""

_NEAREST = """
SELECT number, min(embedding <#> ?) AS distance
FROM sightings JOIN vectors ON sighting = number
WHERE {condition} GROUP BY number ORDER BY distance, number LIMIT ?
"""

_NEAREST_OF_EACH = """
SELECT number, distance FROM (
    SELECT DISTINCT ON (identity) number, embedding <#> ? AS distance
    FROM sightings JOIN vectors ON sighting = number
    WHERE identity > 0 AND {condition}
    ORDER BY identity, distance, number
) AS best ORDER BY distance, number LIMIT ?
"""


_CANDIDATES = """
SELECT number, identity, min(embedding <#> ?)
FROM sightings JOIN vectors ON sighting = number
WHERE number = ANY(?) AND {condition} GROUP BY number
"""

_INDEXED_FROM = 20_000
"""Sightings from which this process keeps an index; comparing them takes about 30 ms."""

_PATIENCE = 3
"""Searches of a large gallery before one is made: reading everything for a few is no gain."""

_MIN_CANDIDATES = 256
_MAX_CANDIDATES = 16_384
_OVERSAMPLED = 12
_EACH_IDENTITY = 3
_SPARE = 2
"""Sightings (or people) that must pass the filter for each that is wanted."""


class PostgresStore(SqlStore["Connection[Any]"]):
    """A gallery in a database; see `GalleryStore` for what it guarantees.

    The next call replaces a broken connection.

    Args:
        address: postgresql://USER@HOST/DATABASE; libpq also takes the password from ~/.pgpass and
            PGPASSWORD.
        schema: schema of the tables, so that a database can hold several galleries.
        clock: returns the time of writing, UTC seconds since 1970; by default the server's.
        limit_s: time limit of a call, after which the server counts as not available; deletions
            may take six times as long. None waits forever.

    Raises:
        StoreUnavailableError: the server does not answer.
        StoreError: the server refuses, has no pgvector, or holds tables of another version.
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
        super().__init__("postgresql", place_of(address), _DIALECT)
        self._address = address
        self._schema = schema
        self._clock = clock
        self._limit_s = limit_s
        self._lock_of_threads = threading.RLock()
        self._connection: Connection[Any] | None = None
        self._closed = False
        self._searches = 0
        self._deleted: list[int] = []
        self._mirror: Mirror | None = None
        with self._use() as connection:
            if numbers_changes(connection):
                self._mirror = Mirror(self._connected, _INDEXED_FROM)

    def _connect(self) -> Connection[Any]:
        return connect(self._address, self._place, self._schema, self._limit_s)

    @contextmanager
    def _connected(self) -> Iterator[Connection[Any]]:
        """Give a connection of its own to the block of a with-statement."""
        with postgres_errors(self._place), self._connect() as connection:
            yield connection

    @contextmanager
    def _use(self, patience: float = 1.0) -> Iterator[Connection[Any]]:
        """Give the connection to a block that is one transaction."""
        limit_s = None if self._limit_s is None else patience * self._limit_s
        with self._lock_of_threads:
            if self._closed:
                raise StoreError(f"{self._place} was closed; open it again")
            if self._connection is None or self._connection.closed:
                self._connection = self._connect()
            try:
                with (
                    postgres_errors(self._place),
                    broken_after(self._connection, limit_s),
                    self._connection.transaction(),
                ):
                    yield self._connection
            except StoreUnavailableError:
                # The next call starts with a new connection, whatever state this one is in.
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise

    _change = _use

    def _run(self, connection: Connection[Any], statement: str, *values: Any) -> Any:
        return connection.execute(statement.replace("?", "%s"), values)

    def _lock(self, connection: Connection[Any], *, exclusive: bool) -> None:
        lock = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
        self._run(connection, f"SELECT {lock}(hashtext(?))", f"reid write {self._schema}")

    def _now_s(self, connection: Connection[Any]) -> float:
        if self._clock is not None:
            return self._clock()
        return float(self._value(connection, "SELECT extract(epoch FROM now())::float8"))

    def _longest_s(self, connection: Connection[Any]) -> float:
        return float(self._value(connection, "SELECT longest_s FROM state"))

    def _reserve(self, connection: Connection[Any], count: int) -> int:
        statement = "UPDATE state SET next_identity = next_identity + ? RETURNING next_identity"
        return int(self._value(connection, statement, count))

    def _use_up(self, connection: Connection[Any], identity: int) -> None:
        # Only if it changes something: all machines share this row.
        statement = "UPDATE state SET next_identity = ? WHERE next_identity < ?"
        self._run(connection, statement, identity + 1, identity + 1)

    def _write(
        self,
        connection: Connection[Any],
        sightings: Sequence[SightingRecord],
        crops: Mapping[str, bytes],
        now_s: float,
    ) -> None:
        if sightings:
            # The same order everywhere, so that no two machines wait for each other's rows.
            self._write_sightings(connection, sorted(sightings, key=lambda one: one.id), now_s)
        for name, picture in crops.items():
            key = secrets.token_bytes(_KEY_BYTES)
            found = self._run(connection, _UPSERT_CROP, _crypted(picture, key), name).fetchone()
            if found is None:
                raise InputError(f"a crop of sighting {name}, which is not in the gallery")
            self._run(connection, _UPSERT_KEY, found[0], key)

    def _write_sightings(
        self, connection: Connection[Any], sightings: Sequence[SightingRecord], now_s: float
    ) -> None:
        from pgvector import HalfVector

        columns = [list(column) for column in zip(*map(row_of, sightings), strict=True)]
        known = self._mirror is not None
        text = _UPSERT.format(
            change=", change" if known else "", default=", DEFAULT" if known else ""
        )
        numbers = dict(self._run(connection, text, now_s, *columns).fetchall())
        condition, value = self._among("sighting", "bigint", numbers.values())
        self._run(connection, f"DELETE FROM vectors WHERE {condition}", value)  # noqa: S608
        copy_vectors = "COPY vectors (sighting, view, embedding) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(copy_vectors) as copy:
            copy.set_types(["int8", "int2", "halfvec"])
            for one in sightings:
                for view, row in enumerate(one.embeddings.astype(np.float16)):
                    copy.write_row((numbers[one.id], view, HalfVector(row)))
        longest_s = max(one.end_s - one.start_s for one in sightings)
        statement = "UPDATE state SET longest_s = ? WHERE longest_s < ?"
        self._run(connection, statement, longest_s, longest_s)

    def _read(
        self,
        connection: Connection[Any],
        condition: str,
        values: Sequence[Any],
        order: str,
        limit: int,
    ) -> list[tuple[int, SightingRecord]]:
        columns = ", ".join(SIGHTING_COLUMNS)
        text = _SIGHTINGS.format(columns=columns, condition=condition, order=order)
        with connection.cursor(binary=True) as cursor:
            rows = cursor.execute(text.replace("?", "%s"), [*values, limit]).fetchall()
        found = []
        for number, model, vectors, *row in rows:
            embeddings = np.stack([vector.to_numpy() for vector in vectors]).astype(np.float32)
            found.append((number, record_of(row, embeddings, model)))
        return found

    def _search(
        self,
        connection: Connection[Any],
        query: Float32Array,
        k: int,
        where: Where,
        one_per_identity: bool,
    ) -> list[tuple[int, float]]:
        from pgvector import HalfVector

        found = self._look_up(connection, query, k, where, one_per_identity)
        if found is not None:
            return found
        condition, values = self._conditions(connection, where)
        text = (_NEAREST_OF_EACH if one_per_identity else _NEAREST).format(condition=condition)
        vector = HalfVector(query.astype(np.float16))
        rows = self._run(connection, text, vector, *values, k).fetchall()
        return [(number, -distance) for number, distance in rows]

    def _look_up(
        self,
        connection: Connection[Any],
        query: Float32Array,
        k: int,
        where: Where,
        one_per_identity: bool,
    ) -> list[tuple[int, float]] | None:
        """Compare the candidates of the index; None if everything is to be compared.

        The candidates are the beginning of the index's order. So the best that pass the filter are
        among them as soon as more pass than are wanted.
        """
        from pgvector import HalfVector

        if self._mirror is None:
            return None
        total = int(self._value(connection, _ESTIMATE))
        if total < _INDEXED_FROM:
            return None
        self._searches += 1
        if self._searches >= _PATIENCE:
            self._mirror.start(total)
        # The people in view are many: they are left out here, not in the database.
        condition, values = self._conditions(
            connection, replace(where, except_identities=frozenset())
        )
        passing = total
        if values:
            text = f"EXPLAIN (FORMAT JSON) SELECT FROM sightings WHERE {condition}"
            passing = max(self._value(connection, text, *values)[0]["Plan"]["Plan Rows"], 1)
        each = _EACH_IDENTITY if one_per_identity else 1
        count = max(_MIN_CANDIDATES, int(_OVERSAMPLED * k * each * total / passing))
        effort = 1
        while count <= min(_MAX_CANDIDATES, passing):
            numbers = self._mirror.candidates(query, count, effort)
            if numbers is None:
                return None
            vector = HalfVector(query.astype(np.float16))
            text = _CANDIDATES.format(condition=condition)
            found = self._run(connection, text, vector, numbers.tolist(), *values).fetchall()
            rows = _ranked(found, where.except_identities, one_per_identity)
            if len(rows) >= _SPARE * k:
                return rows[:k]
            count, effort = 4 * count, 2 * effort
        return None

    def _delete(
        self,
        connection: Connection[Any],
        sightings: Condition,
        events: Condition,
        what: str,
    ) -> int:
        (condition, value), (of_events, events_value) = sightings, events
        if what == "purge" and value == math.inf:
            count = self._delete_all(connection)
        else:
            self._run(connection, f"DELETE FROM events WHERE {of_events}", events_value)  # noqa: S608
            statement = f"DELETE FROM sightings WHERE {condition} RETURNING number"  # noqa: S608
            self._deleted = [row[0] for row in self._run(connection, statement, value)]
            count = len(self._deleted)
        self._log_deletion(connection, what, count)
        return count

    def _delete_all(self, connection: Connection[Any]) -> int:
        """Delete all sightings and events, with the files that hold them if we own the tables."""
        from psycopg.errors import InsufficientPrivilege

        count = int(self._value(connection, "SELECT count(*) FROM sightings"))
        try:
            with connection.transaction():
                connection.execute("TRUNCATE sightings, vectors, crops, crop_keys, events")
        except InsufficientPrivilege:
            connection.execute("DELETE FROM events")
            connection.execute("DELETE FROM sightings")
        return count

    def _totals(self, connection: Connection[Any]) -> tuple[int, int, int]:
        one = partial(self._value, connection)
        tables = ("sightings", "vectors", "crops", "events")
        size = "SELECT pg_total_relation_size(?::regclass)"
        embeddings = one("SELECT count(*) FROM vectors")
        next_identity = one("SELECT next_identity FROM state")
        return embeddings, next_identity, sum(one(size, table) for table in tables)

    def crops(self, ids: Sequence[str]) -> dict[str, bytes]:
        """See `GalleryStore`."""
        condition, value = self._among("id", "text", ids)
        with self._use() as connection:
            rows = self._run(connection, _CROPS.format(condition=condition), value).fetchall()
        return {
            name: bytes(picture) if key is None else _crypted(bytes(picture), bytes(key))
            for name, picture, key in rows
        }

    def forget(self, identity: int) -> int:
        """See `GalleryStore`."""
        count = super().forget(identity)
        self._erase_keys(count)
        if self._mirror is not None:
            self._mirror.remove(np.array(self._deleted, np.int64))
        return count

    def purge(self, stored_before_s: float = math.inf) -> int:
        """See `GalleryStore`."""
        count = super().purge(stored_before_s)
        self._erase_keys(count)
        if self._mirror is not None and stored_before_s == math.inf:
            self._mirror.clear()
        elif self._mirror is not None:
            self._mirror.remove(np.array(self._deleted, np.int64))
        return count

    def _erase_keys(self, deleted: int) -> None:
        """Write the table of keys again: a deleted row stays in its file otherwise."""
        with self._lock_of_threads:
            connection = self._connection
            if not deleted or connection is None:
                return
            try:
                with postgres_errors(self._place), broken_after(connection, self._limit_s):
                    connection.execute("VACUUM FULL crop_keys")
            except StoreError as error:
                logger.warning(
                    "%s; the keys of deleted pictures stay in their table's file until "
                    "VACUUM FULL crop_keys",
                    error,
                )

    def indexed(self, timeout_s: float) -> bool:
        """Start the index at once, if the gallery is large enough, and wait until it is complete.

        Returns:
            False if there is none, or if it takes longer.
        """
        if self._mirror is None:
            return False
        with self._use() as connection:
            total = int(self._value(connection, _ESTIMATE))
        self._mirror.start(total)
        return self._mirror.wait(timeout_s if total >= _INDEXED_FROM else 0)

    def count(self) -> int:
        """See `GalleryStore`."""
        with self._use() as connection:
            estimate = int(self._value(connection, _ESTIMATE))
        return estimate if estimate > _MAX_COUNTED else super().count()

    def close(self) -> None:
        """See `GalleryStore`."""
        if self._mirror is not None:
            self._mirror.close()
        with self._lock_of_threads:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _ranked(
    rows: list[tuple[int, int, float]], excluded: Collection[int], one_per_identity: bool
) -> list[tuple[int, float]]:
    """Return numbers and scores of `_CANDIDATES`, best first, without excluded identities."""
    found: dict[tuple[int, int], tuple[int, float]] = {}
    for number, identity, distance in sorted(rows, key=lambda row: (row[2], row[0])):
        if identity not in excluded and (identity or not one_per_identity):
            key = (identity, 0) if one_per_identity else (identity, number)
            found.setdefault(key, (number, -distance))
    return list(found.values())


def _crypted(data: bytes, key: bytes) -> bytes:
    """Encrypt or decrypt with a random key that is used for nothing else: XOR with SHAKE-256."""
    stream = np.frombuffer(hashlib.shake_256(key).digest(len(data)), np.uint8)
    return (np.frombuffer(data, np.uint8) ^ stream).tobytes()
