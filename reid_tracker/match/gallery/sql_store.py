"""The common part of stores in SQL databases: filters, events, deletions and counts.

Statements mark parameters with "?". A list is one parameter, because a statement takes fewer
parameters than a gallery has people.
"""

from __future__ import annotations

import logging
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from reid_tracker.arrays import Float32Array
from reid_tracker.closing import Closing
from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.match.gallery.records import (
    ANYWHERE,
    Deletion,
    EventRecord,
    Hit,
    SightingRecord,
    StoreInfo,
    Where,
    related_events,
)
from reid_tracker.match.gallery.store import check_model, check_query
from reid_tracker.picture_size import picture_size, too_large
from reid_tracker.types import Embeddings
from reid_tracker.zoo.spaces import space_of

logger = logging.getLogger(__name__)

ConnectionT = TypeVar("ConnectionT")

Condition = tuple[str, Any]
"""A condition with one mark, and its parameter."""

SIGHTING_COLUMNS = ("id", "identity", "camera", "site", "start_s", "end_s", "quality")
_EVENT_COLUMNS = ["id", "kind", "identity", "time_s", "previous", "sightings", "reason", "score"]
_LATEST_DELETIONS = 20
_DELETION_PATIENCE = 6.0
"""Deleting many old records takes longer than any other call."""


class Dialect(NamedTuple):
    """How a database takes a list as one parameter.

    Attributes:
        among: condition that {column} of {type} has one of the values.
        not_among: condition that it has none of them.
        array: makes the parameter of a sequence.
        sequence: makes a tuple of what is stored.
    """

    among: str
    not_among: str
    array: Callable[[Sequence[Any]], Any]
    sequence: Callable[[Any], Sequence[Any]]


class SqlStore(Closing, Generic[ConnectionT]):
    """A gallery in SQL tables; subclasses add connections, vectors and the search.

    Args:
        kind: of the store, for `info`.
        place: of the store, for messages; without credentials.
        dialect: of the database.
    """

    def __init__(self, kind: str, place: str, dialect: Dialect) -> None:
        self._kind = kind
        self._place = place
        self._dialect = dialect

    @abstractmethod
    def _use(self, patience: float = 1.0) -> AbstractContextManager[ConnectionT]:
        """Give the connection to the block of a with-statement, to one thread at a time.

        Args:
            patience: factor on the time limit of the block.
        """

    @abstractmethod
    def _change(self, patience: float = 1.0) -> AbstractContextManager[ConnectionT]:
        """As `_use`, but everything in the block is committed at its end, or nothing is."""

    @abstractmethod
    def _run(self, connection: ConnectionT, statement: str, *values: Any) -> Any:
        """Execute a statement and return its cursor."""

    @abstractmethod
    def _now_s(self, connection: ConnectionT) -> float:
        """Return the time of writing, UTC seconds since 1970."""

    @abstractmethod
    def _reserve(self, connection: ConnectionT, count: int) -> int:
        """Add to the next identity and return its new value."""

    @abstractmethod
    def _write(
        self,
        connection: ConnectionT,
        sightings: Sequence[SightingRecord],
        crops: Mapping[str, bytes],
        now_s: float,
    ) -> None:
        """Write sightings with distinct ids, and crops."""

    @abstractmethod
    def _use_up(self, connection: ConnectionT, identity: int) -> None:
        """Make the next identity larger than this one."""

    @abstractmethod
    def _read(
        self, connection: ConnectionT, condition: str, values: Sequence[Any], order: str, limit: int
    ) -> list[tuple[int, SightingRecord]]:
        """Return sightings with their numbers, at most `limit`."""

    @abstractmethod
    def _search(
        self,
        connection: ConnectionT,
        query: Float32Array,
        k: int,
        where: Where,
        one_per_identity: bool,
    ) -> list[tuple[int, float]]:
        """Return the numbers and scores of the nearest sightings, best first."""

    @abstractmethod
    def _delete(
        self,
        connection: ConnectionT,
        sightings: Condition,
        events: Condition,
        what: str,
    ) -> int:
        """Delete sightings and events by a condition and its value; return the sightings' count."""

    @abstractmethod
    def _totals(self, connection: ConnectionT) -> tuple[int, int, int]:
        """Return the number of vectors, the next identity and the size in bytes."""

    def reserve_identities(self, count: int) -> range:
        """See `GalleryStore`."""
        if count < 1:
            raise InputError(f"count = {count}: expected at least 1")
        with self._change() as connection:
            end = self._reserve(connection, count)
        return range(end - count, end)

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        """See `GalleryStore`."""
        # Of several records with one id, the last counts.
        sightings = list({one.id: one for one in sightings}.values())
        with self._change() as connection:
            self._lock(connection, exclusive=False)
            now_s = self._now_s(connection)
            known = self._model(connection)
            for one in sightings:
                size = one.embeddings.shape[1]
                if known is None:  # unless another process adds one at the same time
                    statement = "INSERT INTO models (hash, embedding_size) VALUES (?, ?)"
                    self._run(connection, f"{statement} ON CONFLICT DO NOTHING", one.model, size)
                    known = self._model(connection)
                check_model(self._place, known, one.model, size)
            self._write(connection, sightings, _storable(crops or {}), now_s)
            for event in events:
                self._write_event(connection, event, now_s)
            numbers = [one.identity for one in sightings]
            for event in events:
                numbers += [event.identity, *event.previous]
            self._use_up(connection, max(numbers, default=0))

    def _write_event(self, connection: ConnectionT, event: EventRecord, now_s: float) -> None:
        array = self._dialect.array
        values = {name: getattr(event, name) for name in _EVENT_COLUMNS}
        values |= {"previous": array(event.previous), "sightings": array(event.sightings)}
        self._run(
            connection,
            f"INSERT INTO events ({', '.join(_EVENT_COLUMNS)}, stored_s) "  # noqa: S608 - names
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            *values.values(),
            now_s,
        )
        # Also for a known event: a batch that is sent again sends its sightings again, too.
        self._move(connection, event.identity, *self._among("id", "text", event.sightings))
        if event.kind == "merge":
            condition = self._among("identity", "bigint", event.previous)
            self._move(connection, event.identity, *condition)

    def _move(self, connection: ConnectionT, identity: int, condition: str, value: Any) -> None:
        """Give the sightings that meet a condition to an identity."""
        statement = f"UPDATE sightings SET identity = ? WHERE {condition}"  # noqa: S608 - marks
        self._run(connection, statement, identity, value)

    def nearest(
        self,
        query: Float32Array,
        *,
        model: str,
        k: int = 10,
        where: Where = ANYWHERE,
        one_per_identity: bool = False,
    ) -> list[Hit]:
        """See `GalleryStore`."""
        query = check_query(query, k)
        with self._use() as connection:
            check_model(self._place, self._model(connection), model, len(query))
            hits = self._search(connection, query, k, where, one_per_identity)
            condition, value = self._among("number", "bigint", [number for number, _ in hits])
            found = dict(self._read(connection, condition, [value], "number", len(hits)))
        return [Hit(score, found[number]) for number, score in hits]

    def sightings(
        self, where: Where = ANYWHERE, *, limit: int | None = None
    ) -> list[SightingRecord]:
        """See `GalleryStore`."""
        most = 2**62 if limit is None else limit
        with self._use() as connection:
            condition, values = self._conditions(connection, where)
            rows = self._read(connection, condition, values, "start_s, number", most)
        return [sighting for _, sighting in rows]

    def pages(self, rows: int = 1000) -> Iterator[list[SightingRecord]]:
        """See `GalleryStore`."""
        after = 0
        while True:
            with self._use() as connection:
                page = self._read(connection, "number > ?", [after], "number", rows)
            if not page:
                return
            after = page[-1][0]
            yield [sighting for _, sighting in page]

    def events(self, identity: int | None = None) -> list[EventRecord]:
        """See `GalleryStore`."""
        sequence = self._dialect.sequence
        statement = f"SELECT {', '.join(_EVENT_COLUMNS)} FROM events ORDER BY number"  # noqa: S608
        with self._use() as connection:
            events = []
            for row in self._run(connection, statement).fetchall():
                fields = dict(zip(_EVENT_COLUMNS, row, strict=True))
                lists = {name: tuple(sequence(fields[name])) for name in ("previous", "sightings")}
                events.append(EventRecord(**(fields | lists)))
        return events if identity is None else related_events(events, identity)

    def forget(self, identity: int) -> int:
        """See `GalleryStore`."""
        if identity < 1:
            raise InputError(f"identity {identity}: expected a positive number")
        with self._change(_DELETION_PATIENCE) as connection:
            self._lock(connection, exclusive=True)
            events = self._among("id", "text", [event.id for event in self.events(identity)])
            chosen = "identity = ?", identity
            return self._delete(connection, chosen, events, f"forget {identity}")

    def purge(self, stored_before_s: float = math.inf) -> int:
        """See `GalleryStore`."""
        with self._change(_DELETION_PATIENCE) as connection:
            self._lock(connection, exclusive=True)
            old = "stored_s < ?", stored_before_s
            return self._delete(connection, old, old, "purge")

    def _lock(self, connection: ConnectionT, *, exclusive: bool) -> None:
        """Keep other processes from deleting, or from writing too, until the change is over.

        By default no other process has access.
        """

    def _log_deletion(self, connection: ConnectionT, what: str, sightings: int) -> None:
        """Record a deletion, and allow an empty store another model."""
        if sightings:
            self._run(
                connection,
                "INSERT INTO deletions (time_s, what, sightings) VALUES (?, ?, ?)",
                self._now_s(connection),
                what,
                sightings,
            )
        self._run(connection, "DELETE FROM models WHERE NOT EXISTS (SELECT 1 FROM sightings)")

    def info(self) -> StoreInfo:
        """See `GalleryStore`."""
        with self._use() as connection:
            one = partial(self._value, connection)
            deletions = self._run(
                connection,
                "SELECT time_s, what, sightings FROM deletions ORDER BY number DESC LIMIT ?",
                _LATEST_DELETIONS,
            ).fetchall()
            cameras = self._run(connection, "SELECT DISTINCT camera FROM sightings").fetchall()
            model, size = self._model(connection) or (None, None)
            embeddings, next_identity, size_bytes = self._totals(connection)
            return StoreInfo(
                kind=self._kind,
                place=self._place,
                sightings=one("SELECT count(*) FROM sightings"),
                embeddings=embeddings,
                identities=one("SELECT count(DISTINCT identity) FROM sightings WHERE identity > 0"),
                events=one("SELECT count(*) FROM events"),
                crops=one("SELECT count(*) FROM crops"),
                cameras=tuple(sorted(row[0] for row in cameras)),
                first_s=one("SELECT min(start_s) FROM sightings"),
                last_s=one("SELECT max(end_s) FROM sightings"),
                stored_s=one("SELECT max(stored_s) FROM sightings"),
                model=model,
                embedding_size=size,
                next_identity=next_identity,
                size_bytes=size_bytes,
                deletions=tuple(Deletion(*row) for row in deletions),
            )

    def count(self) -> int:
        """See `GalleryStore`."""
        with self._use() as connection:
            return int(self._value(connection, "SELECT count(*) FROM sightings"))

    def _value(self, connection: ConnectionT, statement: str, *values: Any) -> Any:
        """Execute a statement and return the only value of its only row."""
        return self._run(connection, statement, *values).fetchone()[0]

    def _model(self, connection: ConnectionT) -> tuple[str, int] | None:
        found = self._run(connection, "SELECT hash, embedding_size FROM models").fetchone()
        return None if found is None else (space_of(found[0]), found[1])

    def _among(self, column: str, kind: str, values: Iterable[Any]) -> Condition:
        """Return the condition that a column has one of some values, and its parameter."""
        condition = self._dialect.among.format(column=column, type=kind)
        return condition, self._dialect.array(list(values))

    def _conditions(self, connection: ConnectionT, where: Where) -> tuple[str, list[Any]]:
        """Return a filter as a condition on the table `sightings`, and its parameters."""
        dialect = self._dialect
        terms, values = ["TRUE"], list[Any]()
        for condition, column, kind, wanted in (
            (dialect.among, "camera", "text", where.cameras),
            (dialect.not_among, "camera", "text", where.except_cameras),
            (dialect.among, "site", "text", where.sites),
            (dialect.among, "identity", "bigint", where.identities),
            (dialect.not_among, "identity", "bigint", sorted(where.except_identities)),
        ):
            if wanted:
                terms.append(condition.format(column=column, type=kind))
                values.append(dialect.array(list(wanted)))
        if where.since_s > -math.inf:
            terms.append("end_s >= ?")
            values.append(where.since_s)
            longest_s = self._longest_s(connection)
            if longest_s < math.inf:
                # Bounds the part of an index on start_s that has to be read.
                terms.append("start_s >= ?")
                values.append(where.since_s - longest_s)
        if where.until_s < math.inf:
            terms.append("start_s <= ?")
            values.append(where.until_s)
        return " AND ".join(terms), values

    def _longest_s(self, connection: ConnectionT) -> float:
        """Return a duration that no sighting exceeds, seconds; +inf if unknown."""
        return math.inf


def _storable(crops: Mapping[str, bytes]) -> dict[str, bytes]:
    """Leave out pictures that nobody could decode: a few bytes may claim gigabytes of pixels."""
    found = {}
    for name, picture in crops.items():
        size = picture_size(picture)
        if why := too_large(*size) if size else "":
            logger.warning("the picture of sighting %s is not stored: %s", shown(name), why)
        else:
            found[name] = picture
    return found


def record_of(row: Sequence[Any], embeddings: Embeddings, model: str) -> SightingRecord:
    """Return the record of a row that holds `SIGHTING_COLUMNS`."""
    fields = dict(zip(SIGHTING_COLUMNS, row, strict=True))
    return SightingRecord(**fields, embeddings=embeddings, model=model)


def row_of(sighting: SightingRecord) -> list[Any]:
    """Return a record's values of `SIGHTING_COLUMNS`."""
    return [getattr(sighting, name) for name in SIGHTING_COLUMNS]
