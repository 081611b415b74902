"""Writing a batch into the tables of the embedded gallery."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reid_tracker.errors import InputError
from reid_tracker.match.gallery.embedded.memory import Rows
from reid_tracker.match.gallery.embedded.read import memory_rows
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.sql_rows import in_parts, marks, to_bytes


@dataclass
class MemoryChange:
    """What a batch changes in memory, once it is committed.

    Attributes:
        replaced: numbers of sightings that are written anew.
        added: the new rows.
        moves: numbers of sightings, identities that end, and the identity that gets both.
    """

    replaced: list[int] = field(default_factory=list)
    added: Rows | None = None
    moves: list[tuple[list[int], tuple[int, ...], int]] = field(default_factory=list)


def write_all(
    database: sqlite3.Connection,
    sightings: Sequence[SightingRecord],
    events: Sequence[EventRecord],
    crops: Mapping[str, bytes],
    now_s: float,
) -> MemoryChange:
    """Write a batch inside the caller's transaction.

    Args:
        database: in a transaction.
        sightings: with ids that differ, all of the store's model.
        events: in their order.
        crops: pictures by sighting.
        now_s: time of writing, UTC seconds since 1970.

    Raises:
        InputError: a crop belongs to no sighting.
    """
    change = MemoryChange()
    if sightings:
        _write_sightings(database, sightings, now_s, change)
    for event in events:
        _write_event(database, event, now_s, change)
    for name, picture in crops.items():
        if not numbers_of(database, [name]):
            raise InputError(f"a crop of sighting {name}, which is not in the gallery")
        database.execute("INSERT OR REPLACE INTO crops VALUES (?, ?)", (name, picture))
    return change


def numbers_of(database: sqlite3.Connection, ids: Sequence[str]) -> list[int]:
    """Return the numbers of sightings; ids that are not there are left out."""
    found: list[int] = []
    for part in in_parts(ids):
        some = f"SELECT number FROM sightings WHERE id IN ({marks(part, '?')})"  # noqa: S608 - marks
        found.extend(row[0] for row in database.execute(some, part))
    return found


def _write_sightings(
    database: sqlite3.Connection,
    sightings: Sequence[SightingRecord],
    now_s: float,
    change: MemoryChange,
) -> None:
    model, size = sightings[0].model, sightings[0].embeddings.shape[1]
    database.execute(
        "INSERT OR IGNORE INTO models (hash, embedding_size) VALUES (?, ?)", (model, size)
    )
    (number,) = database.execute("SELECT number FROM models WHERE hash = ?", (model,)).fetchone()
    # A replaced sighting gets a new number: the order of numbers is that of the vectors in memory.
    change.replaced = numbers_of(database, [sighting.id for sighting in sightings])
    database.executemany(
        "DELETE FROM sightings WHERE number = ?", [(old,) for old in change.replaced]
    )
    last = database.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'sightings'")
    first = (last.fetchone()[0] or 0) + 1
    blobs = [to_bytes(sighting.embeddings) for sighting in sightings]
    rows = [
        (index, one.identity, one.camera, one.site, one.start_s, one.end_s, blob)
        for index, (one, blob) in enumerate(zip(sightings, blobs, strict=True), first)
    ]
    database.executemany(
        "INSERT INTO sightings (number, identity, camera, site, start_s, end_s, embeddings, id, "
        "quality, model, stored_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*row, one.id, one.quality, number, now_s)
            for row, one in zip(rows, sightings, strict=True)
        ],
    )
    change.added = memory_rows(rows, size)


def _write_event(
    database: sqlite3.Connection, event: EventRecord, now_s: float, change: MemoryChange
) -> None:
    database.execute(
        "INSERT OR IGNORE INTO events (id, kind, identity, time_s, previous, sightings, reason, "
        "score, stored_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.id,
            event.kind,
            event.identity,
            event.time_s,
            json.dumps(event.previous),
            json.dumps(event.sightings),
            event.reason,
            event.score,
            now_s,
        ),
    )
    # Also for an event that is known: the batch that is sent again sends its sightings again, too.
    numbers = numbers_of(database, event.sightings)
    previous = event.previous if event.kind == "merge" else ()
    database.executemany(
        "UPDATE sightings SET identity = ? WHERE number = ?",
        [(event.identity, number) for number in numbers],
    )
    database.executemany(
        "UPDATE sightings SET identity = ? WHERE identity = ?",
        [(event.identity, old) for old in previous],
    )
    change.moves.append((numbers, previous, event.identity))
