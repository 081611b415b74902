"""What stores in SQL share: filters as conditions, and records from rows and back."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from reid_tracker.match.gallery.records import EventRecord, SightingRecord, Where
from reid_tracker.types import Embeddings


def conditions(where: Where, mark: str, longest_s: float = math.inf) -> tuple[str, list[Any]]:
    """Write a filter as an SQL condition on the table `sightings`, with its parameters.

    Args:
        where: the filter.
        mark: how the database marks a parameter, "?" or "%s".
        longest_s: no sighting lasts longer, seconds; bounds the part of an index on start_s that a
            time window needs.

    Returns:
        Text that holds marks but no values, and the values.
    """
    terms, values = ["TRUE"], list[Any]()
    for column, among, wanted in (
        ("camera", "IN", where.cameras),
        ("camera", "NOT IN", where.except_cameras),
        ("site", "IN", where.sites),
        ("identity", "IN", where.identities),
    ):
        if wanted:
            terms.append(f"sightings.{column} {among} ({marks(wanted, mark)})")
            values.extend(wanted)
    if where.except_identities:
        # As one parameter: a statement takes fewer than there may be people.
        some = (
            "(SELECT value FROM json_each(?))" if mark == "?" else "(SELECT unnest(%s::bigint[]))"
        )
        terms.append(f"sightings.identity NOT IN {some}")
        numbers = sorted(where.except_identities)
        values.append(json.dumps(numbers) if mark == "?" else numbers)
    if where.since_s > -math.inf:
        terms.append(f"sightings.end_s >= {mark}")
        values.append(where.since_s)
        if longest_s < math.inf:
            terms.append(f"sightings.start_s >= {mark}")
            values.append(where.since_s - longest_s)
    if where.until_s < math.inf:
        terms.append(f"sightings.start_s <= {mark}")
        values.append(where.until_s)
    return " AND ".join(terms), values


def marks(values: Collection[Any], mark: str) -> str:
    """Return one parameter mark for each value, with commas between them."""
    return ", ".join([mark] * len(values))


def in_parts(values: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    """Cut values into parts that a statement takes as parameters."""
    return (values[start : start + size] for start in range(0, len(values), size))


def to_bytes(embeddings: Embeddings) -> bytes:
    """Return (P, D) embeddings as float16, little-endian, row by row."""
    return embeddings.astype("<f2").tobytes()


def from_bytes(data: bytes, size: int) -> Embeddings:
    """Return the (P, size) float32 embeddings that `to_bytes` wrote."""
    return np.frombuffer(data, "<f2").reshape(-1, size).astype(np.float32)


def merged_into(identity: int, merges: Iterable[tuple[int, Collection[int]]]) -> set[int]:
    """Return an identity with all that ended in it, through any number of merges.

    Args:
        identity: the number.
        merges: the number that held on and those that ended, of each merge.
    """
    links = list(merges)
    found, new = set[int](), {identity}
    while new:
        found |= new
        new = {old for kept, ended in links if kept in new for old in ended} - found
    return found


def number_now(identity: int, events: Iterable[EventRecord]) -> int:
    """Return the number that an identity has after all merges; most have their own."""
    for event in events:
        if event.kind == "merge" and identity in event.previous:
            identity = event.identity
    return identity


def about(events: Iterable[EventRecord], identity: int) -> list[EventRecord]:
    """Return the events of an identity and of those that were merged into it, in their order."""
    events = list(events)
    same = merged_into(
        identity, ((event.identity, event.previous) for event in events if event.kind == "merge")
    )
    return [event for event in events if event.identity in same or same & set(event.previous)]


def last_of_each(sightings: Iterable[SightingRecord]) -> list[SightingRecord]:
    """Keep the last sighting of each id."""
    return list({sighting.id: sighting for sighting in sightings}.values())


def highest_identity(sightings: Iterable[SightingRecord], events: Iterable[EventRecord]) -> int:
    """Return the largest number that any of these bears, or 0."""
    numbers = [sighting.identity for sighting in sightings]
    for event in events:
        numbers += [event.identity, *event.previous]
    return max(numbers, default=0)
