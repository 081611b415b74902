"""Retention and the size of the gallery, about once a minute."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.central.upkeep import GalleryUpkeep
from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import SightingRecord


def seen(name: str) -> SightingRecord:
    rows = np.eye(8, dtype=np.float32)[[0]]
    return SightingRecord(name, 1, "door", "hall", 0, 1, rows, 1.0, "ab" * 32)


class Away(EmbeddedStore):
    """A gallery that may be away."""

    away = False

    def count(self) -> int:
        if self.away:
            raise StoreUnavailableError("away")
        return super().count()


def test_once_a_minute(tmp_path: Path) -> None:
    now = [1000.0]
    with Away(tmp_path / "g.sqlite") as store:
        made = GalleryUpkeep(store, monotonic=lambda: now[0])
        assert [made.sightings] == [None]
        made.turn()
        assert made.sightings == 0
        store.write([seen("a"), seen("b")])
        now[0] += 59
        made.turn()
        assert made.sightings == 0
        now[0] += 1
        made.turn()
        assert made.sightings == 2
    with Away(tmp_path / "g.sqlite") as store:
        now[0] += 60
        store.away = True
        made = GalleryUpkeep(store, monotonic=lambda: now[0])
        made.turn()
        made.turn()
    assert made.sightings is None


def test_old_records_are_deleted(tmp_path: Path) -> None:
    far_s = 4e9  # long after the present, at which the sightings are stored
    with EmbeddedStore(tmp_path / "g.sqlite") as store:
        store.write([seen("a")])
        kept = GalleryUpkeep(store, 3600.0)
        kept.turn()
        assert kept.sightings == 1
        purged = GalleryUpkeep(store, 3600.0, clock=lambda: far_s)
        purged.turn([far_s])
        assert purged.sightings == 0


def test_nothing_is_deleted_if_the_clock_may_be_wrong_from_the_start(tmp_path: Path) -> None:
    far_s = time.time() + 4 * 86_400
    with EmbeddedStore(tmp_path / "g.sqlite") as store:
        store.write([seen("a")])
        made = GalleryUpkeep(store, 3600.0, clock=lambda: far_s)
        made.turn()
        assert made.sightings == 1


def test_nothing_is_deleted_while_the_clock_is_in_doubt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock jumps four days ahead for a minute; everything is an hour old."""
    mono, ahead = [0.0], [0.0]
    start_s = time.time() + 3600
    with EmbeddedStore(tmp_path / "g.sqlite") as store:
        store.write([seen("a")])
        made = GalleryUpkeep(
            store,
            86_400.0,
            clock=lambda: start_s + mono[0] + ahead[0],
            monotonic=lambda: mono[0],
        )
        for mono[0], ahead[0] in ((60, 0), (120, 4 * 86_400), (180, 0), (240, 0), (3000, 0)):
            made.turn()
            assert made.sightings == 1
        assert len(caplog.records) == 1
        assert "nothing is deleted by age" in caplog.text
        mono[0] = 4 * 86_400  # these days have passed
        made.turn()
        assert made.sightings == 0


def test_nothing_is_deleted_while_the_broker_has_another_time(tmp_path: Path) -> None:
    far_s = time.time() + 4 * 86_400  # the clock was wrong from the start
    mono = [0.0]
    with EmbeddedStore(tmp_path / "g.sqlite") as store:
        store.write([seen("a")])
        made = GalleryUpkeep(
            store, 86_400.0, clock=lambda: far_s + mono[0], monotonic=lambda: mono[0]
        )
        made.turn([time.time()])
        assert made.sightings == 1
        mono[0] = 61.0
        made.turn([far_s + 60])
        assert made.sightings == 0
