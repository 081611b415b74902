"""Questions to a gallery: answered, late, refused, and asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reid_tracker.errors import StoreError, StoreUnavailableError
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.store import GalleryStore
from tests.waiting import wait_until


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path / "gallery.sqlite") as store:
        yield store


def number(store: GalleryStore) -> int:
    return store.reserve_identities(1).start


def check_answers_again(asker: PatientAsker) -> None:
    wait_until(lambda: asker.ask(number) is not None, "for an answer")


def test_answers(store: EmbeddedStore) -> None:
    asker = PatientAsker(store, patience_s=60)
    assert [asker.ask(number) for _ in range(3)] == [1, 2, 3]
    assert not asker.away
    asker.close()


def test_a_late_answer_is_waited_for_once(store: EmbeddedStore) -> None:
    asker = PatientAsker(store, patience_s=0.05, first_pause_s=0.01)
    thaw = threading.Event()

    def frozen(store: GalleryStore) -> int:
        thaw.wait()
        return 7

    assert asker.ask(frozen) is None
    assert asker.away
    # The thread still waits; that these return at all shows that they do not.
    assert [asker.ask(number) for _ in range(100)] == [None] * 100
    thaw.set()
    check_answers_again(asker)
    asker.close()


def test_an_absent_store_is_tried_again(store: EmbeddedStore) -> None:
    asker = PatientAsker(store, patience_s=60, first_pause_s=0.01)
    tries = []

    def gone(store: GalleryStore) -> int:
        tries.append(1)
        raise StoreUnavailableError("the database is away")

    def tried_again() -> bool:
        assert asker.ask(gone) is None
        return len(tries) > 2

    wait_until(tried_again, "for three attempts")
    check_answers_again(asker)
    asker.close()


def test_what_will_never_be_answered_is_an_error(store: EmbeddedStore) -> None:
    asker = PatientAsker(store, patience_s=60)
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        asker.ask(number)
    asker.close()
