"""The embedded gallery's file: one process, damage, a full disk, privacy."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord
from tests.match.gallery.embedded.helpers import in_new_process, one_line
from tests.match.gallery.samples import MODEL, identities, person, sighting


def test_what_is_deleted_is_gone_from_the_files(path: Path) -> None:
    with EmbeddedStore(path) as store:
        store.write([sighting("secret-id", 1), sighting("kept-id", 2)], crops={"secret-id": b"PIC"})
        store.forget(1)
        content = b"".join(item.read_bytes() for item in path.parent.iterdir())
    assert b"kept-id" in content
    assert b"secret-id" not in content
    assert b"PIC" not in content


def test_a_file_shrinks(path: Path) -> None:
    rows = np.eye(512, dtype=np.float32)
    with EmbeddedStore(path) as store:
        store.write([sighting(f"s{row}", 1, embeddings=rows[row : row + 1]) for row in range(512)])
        store.purge(0)
        before = store.info().size_bytes
        store.purge()
        assert store.info().size_bytes < before / 4


def test_a_full_disk(path: Path) -> None:
    """SQLite's own limit stands for the disk's: the same error at the same place."""
    with EmbeddedStore(path) as store:
        store.write([sighting("a", 1)])
        assert store._open is not None
        (pages,) = store._open.execute("PRAGMA page_count").fetchone()
        store._open.execute(f"PRAGMA max_page_count = {pages}")
        many = [sighting(f"s{row}", 2) for row in range(2000)]
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="no space is left") as caught:
                store.write(many, [EventRecord("m", "merge", 2, 0.0, (1,))])
            one_line(caught.value)
            assert identities(store) == {"a": 1}
            assert len(store.nearest(person(2), model=MODEL)) == 1
        store._open.execute("PRAGMA max_page_count = 100000")
        store.write(many)
        assert store.info().embeddings == 2001


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a limit on the size of files")
def test_a_file_that_may_not_grow(path: Path) -> None:
    """The system refuses a write in the middle, as a disk does."""
    script = """
import resource, signal, sys
from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.match.gallery.samples import sighting
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = EmbeddedStore(sys.argv[1])
store.write([sighting("a", 1)])
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, unlimited[1]))
try:
    store.write([sighting(f"s{row}", 2) for row in range(3000)])
except StoreUnavailableError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
print(len(store.sightings()))
store.write([sighting("b", 2)])
print(len(store.sightings()))
"""
    done = in_new_process(script, path)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert "earlier data is" in lines[0]
    assert lines[1:] == ["1", "2"]
    with EmbeddedStore(path) as store:
        assert identities(store) == {"a": 1, "b": 2}


def test_ctrl_c_between_commit_and_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedStore(path) as store:
        store.write([sighting("a", 1)])

        def interrupted(change: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(store, "_follow", interrupted)
            with pytest.raises(KeyboardInterrupt):
                store.write([sighting("b", 2)])
        assert {hit.sighting.id for hit in store.nearest(person(2), model=MODEL)} == {"a", "b"}
