"""Writes to a gallery until it is killed, and says what was acknowledged; run by test_store_kill.

Usage: python -m tests.match.gallery.kill_worker KIND ADDRESS SCHEMA ROUND
"""

from __future__ import annotations

import sys

import numpy as np

from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.store import GalleryStore
from tests.match.gallery.samples import sighting, unit

BATCH = 20


def open_kind(kind: str, address: str, schema: str) -> GalleryStore:
    if kind == "embedded":
        from reid_tracker.match.gallery.embedded.store import EmbeddedStore

        return EmbeddedStore(address)
    from reid_tracker.match.gallery.postgres.store import PostgresStore

    return PostgresStore(address, schema=schema)


def batch(turn: int, step: int, first: int) -> tuple[list[SightingRecord], list[EventRecord]]:
    """New sightings of new identities; every third batch merges the first two of them."""
    random = np.random.default_rng(step)
    new = [
        sighting(
            f"{turn}/{step}/{row}", first + row, embeddings=unit(random.standard_normal((2, 256)))
        )
        for row in range(BATCH)
    ]
    merge = EventRecord(f"{turn}/{step}", "merge", first, 0.0, (first + 1,))
    return new, [merge] if step % 3 == 0 else []


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(kind: str, address: str, schema: str, turn: int) -> None:
    batch(turn, 0, 1)  # loads what is loaded at the first time
    with open_kind(kind, address, schema) as store:
        say("open")
        step = 0
        while True:
            first = store.reserve_identities(BATCH).start
            say(f"reserved {first}")
            new, events = batch(turn, step, first)
            store.write(new, events)
            # Only now, and at once: what is read on the other side was acknowledged.
            say(f"stored {step} {first}")
            step += 1


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
