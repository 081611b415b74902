"""Reading records and counts from the gallery in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reid_tracker.match.gallery.records import Deletion, SightingRecord, StoreInfo

if TYPE_CHECKING:
    from psycopg import Connection

_SIGHTINGS = """
SELECT number, id, identity, camera, site, start_s, end_s, quality,
    (SELECT hash FROM models WHERE models.number = chosen.model),
    (SELECT array_agg(embedding ORDER BY view) FROM vectors WHERE sighting = chosen.number)
FROM (SELECT * FROM sightings WHERE {condition} ORDER BY {order} LIMIT %s) AS chosen
ORDER BY {order}
"""

_TABLES = ("sightings", "vectors", "crops", "events")
_LATEST_DELETIONS = 20


def read_sightings(
    connection: Connection[Any],
    condition: str,
    values: Sequence[Any],
    *,
    order: str = "number",
    most: int | None = None,
) -> list[tuple[int, SightingRecord]]:
    """Return sightings with their numbers.

    Args:
        connection: in a transaction.
        condition: on the table `sightings`, with marks where `values` belong.
        values: parameters.
        order: columns.
        most: number of sightings, None for all.
    """
    text = _SIGHTINGS.format(condition=condition, order=order)
    with connection.cursor(binary=True) as cursor:
        rows = cursor.execute(text, [*values, most]).fetchall()
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
                np.stack([vector.to_numpy() for vector in vectors]).astype(np.float32),
                quality,
                model,
            ),
        )
        for number, name, identity, camera, site, start_s, end_s, quality, model, vectors in rows
    ]


def read_info(connection: Connection[Any], place: str, model: tuple[str, int] | None) -> StoreInfo:
    """Count what is there."""

    def one(query: str, *values: Any) -> Any:
        row = connection.execute(query, values).fetchone()
        return None if row is None else row[0]

    cameras = connection.execute("SELECT DISTINCT camera FROM sightings").fetchall()
    deletions = connection.execute(
        "SELECT time_s, what, sightings FROM deletions ORDER BY number DESC LIMIT %s",
        (_LATEST_DELETIONS,),
    ).fetchall()
    sizes = (one("SELECT pg_total_relation_size(%s::regclass)", name) for name in _TABLES)
    return StoreInfo(
        kind="postgresql",
        place=place,
        sightings=one("SELECT count(*) FROM sightings"),
        embeddings=one("SELECT count(*) FROM vectors"),
        identities=one("SELECT count(DISTINCT identity) FROM sightings WHERE identity > 0"),
        events=one("SELECT count(*) FROM events"),
        crops=one("SELECT count(*) FROM crops"),
        cameras=tuple(sorted(row[0] for row in cameras)),
        first_s=one("SELECT min(start_s) FROM sightings"),
        last_s=one("SELECT max(end_s) FROM sightings"),
        model=None if model is None else model[0],
        embedding_size=None if model is None else model[1],
        next_identity=one("SELECT next_identity FROM state"),
        size_bytes=sum(sizes),
        deletions=tuple(Deletion(*row) for row in deletions),
    )
