"""Damaged gallery files: one line, never another error."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import ReidTrackerError, StoreError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord
from tests.match.gallery.embedded.helpers import one_line
from tests.match.gallery.samples import sighting


def fill(path: Path, count: int = 300) -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((count, 64)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with EmbeddedStore(path) as store:
        store.write(
            [sighting(f"s{row}", row + 1, embeddings=rows[row : row + 1]) for row in range(count)],
            [EventRecord(f"e{row}", "new", row + 1, 0.0) for row in range(count)],
        )


def use(path: Path) -> None:
    with EmbeddedStore(path) as store:
        store.sightings()
        store.events()
        store.write([sighting("new", embeddings=np.eye(64, dtype=np.float32)[:1])])
        store.info()
        store.purge()


@pytest.mark.parametrize("seed", range(15))
def test_damage_is_one_line_or_harmless(path: Path, seed: int) -> None:
    """Pages of noise, a cut: never anything but this package's errors."""
    fill(path)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(seed)
    if seed % 3 == 0:
        content = content[: int(random.integers(1, len(content)))]
    else:
        for _ in range(seed):
            start = int(random.integers(0, len(content) // 4096)) * 4096
            content[start : start + 4096] = random.bytes(4096)
    path.write_bytes(content)
    try:
        use(path)
    except ReidTrackerError as error:
        one_line(error)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE sightings SET embeddings = x'0102' WHERE number = 5", "wrong size"),
        ("UPDATE sightings SET embeddings = zeroblob(128) WHERE number = 5", "not of length 1"),
        ("UPDATE sightings SET quality = 7 WHERE number = 5", "quality = 7"),
        ("UPDATE events SET previous = 'x' WHERE number = 5", "damaged"),
        ("DROP TABLE crops", "no such table"),
    ],
)
def test_records_that_were_never_written(path: Path, statement: str, why: str) -> None:
    fill(path, 10)
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()
    with pytest.raises(StoreError, match=why) as caught:
        use(path)
    assert "damaged" in one_line(caught.value)
