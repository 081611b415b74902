"""The queue in front of a gallery: order, a store that goes away and returns, limits, retention."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reid_tracker.errors import ModelMismatchError, StoreUnavailableError
from reid_tracker.match.gallery.aging import Aging
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.gallery.writer import GalleryWriter
from tests.conftest import Clock
from tests.match.gallery.samples import OTHER_MODEL, identities, sighting
from tests.waiting import wait_until


class Shaky(EmbeddedStore):
    """A store that can be away."""

    gone = False
    attempts = 0
    batches = 0

    def write(
        self,
        sightings: Sequence[SightingRecord] = (),
        events: Sequence[EventRecord] = (),
        crops: Mapping[str, bytes] | None = None,
    ) -> None:
        self.attempts += 1
        if self.gone:
            raise StoreUnavailableError("the database is away")
        super().write(sightings, events, crops)
        self.batches += 1


@pytest.fixture
def shaky(tmp_path: Path, clock: Clock) -> Iterator[Shaky]:
    store = Shaky(tmp_path / "gallery.sqlite", clock=clock)
    yield store
    store.close()


def test_what_is_put_is_stored(store: GalleryStore) -> None:
    with GalleryWriter(store) as writer:
        writer.put([sighting("a", 1)], crops={"a": b"x"})
        writer.put([sighting("b", 2)], [EventRecord("m", "merge", 1, 0.0, (2,))])
        assert writer.flush(timeout_s=60)
        assert writer.pending == 0
        writer.put([sighting("c", 3)])
    assert identities(store) == {"a": 1, "b": 1, "c": 3}
    assert store.crops(["a"]) == {"a": b"x"}


def test_it_catches_up(shaky: Shaky, caplog: pytest.LogCaptureFixture) -> None:
    shaky.gone = True
    with caplog.at_level(logging.WARNING), GalleryWriter(shaky, first_wait_s=0.01) as writer:
        for row in range(50):
            writer.put([sighting(str(row), row + 1)])
        wait_until(lambda: shaky.attempts > 2)
        assert writer.away == "the database is away"
        assert writer.pending == 50
        assert not writer.flush(timeout_s=0.01)
        shaky.gone = False
        assert writer.flush(timeout_s=60)
        wait_until(lambda: writer.away == "")  # the thread says so after the last write
    assert identities(shaky) == {str(row): row + 1 for row in range(50)}
    assert shaky.batches < 5
    away, back = caplog.messages
    assert "tracking continues" in away
    assert "is back" in back


def test_events_keep_their_place(shaky: Shaky) -> None:
    """A sighting put after a merge is not moved by it."""
    shaky.gone = True
    with GalleryWriter(shaky, first_wait_s=0.01) as writer:
        writer.put([sighting("a", 1)])
        writer.put([], [EventRecord("m", "merge", 5, 0.0, (1,))])
        writer.put([sighting("b", 1)])
        shaky.gone = False
        assert writer.flush(timeout_s=60)
    assert identities(shaky) == {"a": 5, "b": 1}


def test_a_full_queue_drops_the_oldest(shaky: Shaky, caplog: pytest.LogCaptureFixture) -> None:
    shaky.gone = True
    with GalleryWriter(shaky, capacity=10, first_wait_s=0.01) as writer:
        for row in range(25):
            writer.put([sighting(str(row))])
        wait_until(lambda: shaky.attempts > 2)
        assert writer.pending <= 11
        shaky.gone = False
        assert writer.flush(timeout_s=60)
        kept = identities(shaky)
        assert len(kept) + writer.dropped == 25
        assert {str(row) for row in range(16, 25)} <= set(kept)
    assert sum("oldest are dropped" in message for message in caplog.messages) == 1


def test_what_fails_for_good_comes_back_to_the_caller(shaky: Shaky) -> None:
    writer = GalleryWriter(shaky)
    writer.put([sighting("a")])
    writer.put([sighting("b", model=OTHER_MODEL)])
    with pytest.raises(ModelMismatchError):
        writer.flush()
    with pytest.raises(ModelMismatchError):
        writer.put([sighting("c")])
    with pytest.raises(ModelMismatchError):
        writer.close()


def test_a_store_still_away_at_the_end_is_said(shaky: Shaky) -> None:
    shaky.gone = True
    writer = GalleryWriter(shaky)
    writer.put([sighting("a"), sighting("b")])
    with pytest.raises(StoreUnavailableError, match="2 records could not be stored"):
        writer.close(timeout_s=5)


def test_the_error_that_ended_the_run_is_the_one_reported(shaky: Shaky) -> None:
    shaky.gone = True

    def run() -> None:
        with GalleryWriter(shaky) as writer:
            writer.put([sighting("a")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()


def test_retention(shaky: Shaky, clock: Clock) -> None:
    shaky.write([sighting("old")])
    clock.now_s += 7200
    with GalleryWriter(shaky, aging=Aging(3600, clock)) as writer:
        writer.put([sighting("new")])
        wait_until(lambda: set(identities(shaky)) == {"new"})
