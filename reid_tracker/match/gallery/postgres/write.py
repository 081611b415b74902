"""Writing a batch into the tables of the gallery in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.sql_rows import highest_identity

if TYPE_CHECKING:
    from psycopg import Connection

_UPSERT = """
INSERT INTO sightings (id, identity, camera, site, start_s, end_s, quality, stored_s)
SELECT *, %s FROM unnest(
    %s::text[], %s::bigint[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::float8[]
)
ON CONFLICT (id) DO UPDATE SET
    (identity, camera, site, start_s, end_s, quality, stored_s) =
    ROW (excluded.identity, excluded.camera, excluded.site, excluded.start_s, excluded.end_s,
         excluded.quality, excluded.stored_s)
RETURNING id, number
"""


def write_all(
    connection: Connection[Any],
    sightings: Sequence[SightingRecord],
    events: Sequence[EventRecord],
    crops: Mapping[str, bytes],
    now_s: float,
) -> None:
    """Write a batch inside the caller's transaction.

    Args:
        connection: in a transaction.
        sightings: with ids that differ, all of the store's model.
        events: in their order.
        crops: pictures by sighting.
        now_s: time of writing, UTC seconds since 1970.

    Raises:
        InputError: a crop belongs to no sighting.
    """
    if sightings:
        # In one order everywhere, so that two machines never wait for each other's rows.
        _write_sightings(connection, sorted(sightings, key=lambda one: one.id), now_s)
    for event in events:
        _write_event(connection, event, now_s)
    for name, picture in crops.items():
        done = connection.execute(
            "INSERT INTO crops SELECT number, %s FROM sightings WHERE id = %s "
            "ON CONFLICT (sighting) DO UPDATE SET picture = excluded.picture",
            (picture, name),
        )
        if done.rowcount == 0:
            raise InputError(f"a crop of sighting {name}, which is not in the gallery")
    highest = highest_identity(sightings, events)
    longest = max((one.end_s - one.start_s for one in sightings), default=0.0)
    # Only where it changes something: the row is one that all machines share.
    connection.execute(
        "UPDATE state SET next_identity = greatest(next_identity, %(next)s), "
        "longest_s = greatest(longest_s, %(longest)s) "
        "WHERE next_identity < %(next)s OR longest_s < %(longest)s",
        {"next": highest + 1, "longest": longest},
    )


def _write_sightings(
    connection: Connection[Any], sightings: Sequence[SightingRecord], now_s: float
) -> None:
    from pgvector import HalfVector

    rows = [
        (one.id, one.identity, one.camera, one.site, one.start_s, one.end_s, one.quality)
        for one in sightings
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    numbers: dict[str, int] = dict(connection.execute(_UPSERT, [now_s, *columns]).fetchall())
    connection.execute("DELETE FROM vectors WHERE sighting = ANY(%s)", (list(numbers.values()),))
    with (
        connection.cursor() as cursor,
        cursor.copy("COPY vectors (sighting, view, embedding) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["int8", "int2", "halfvec"])
        for one in sightings:
            for view, row in enumerate(one.embeddings.astype(np.float16)):
                copy.write_row((numbers[one.id], view, HalfVector(row)))


def _write_event(connection: Connection[Any], event: EventRecord, now_s: float) -> None:
    connection.execute(
        "INSERT INTO events (id, kind, identity, time_s, previous, sightings, reason, score, "
        "stored_s) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (id) DO NOTHING",
        (
            event.id,
            event.kind,
            event.identity,
            event.time_s,
            list(event.previous),
            list(event.sightings),
            event.reason,
            event.score,
            now_s,
        ),
    )
    # Also for an event that is known: the batch that is sent again sends its sightings again, too.
    connection.execute(
        "UPDATE sightings SET identity = %s WHERE id = ANY(%s)",
        (event.identity, list(event.sightings)),
    )
    if event.kind == "merge":
        connection.execute(
            "UPDATE sightings SET identity = %s WHERE identity = ANY(%s)",
            (event.identity, list(event.previous)),
        )
