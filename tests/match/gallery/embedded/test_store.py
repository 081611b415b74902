"""The embedded gallery's file: one process, damage, a full disk, privacy."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import ReidTrackerError, StoreError, StoreUnavailableError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord
from tests.conftest import ROOT
from tests.match.gallery.samples import MODEL, identities, person, sighting


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gallery.sqlite"


def in_new_process(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def one_line(error: ReidTrackerError) -> str:
    text = str(error)
    assert "\n" not in text
    assert len(text) < 400
    return text


def test_the_second_process_is_refused(path: Path) -> None:
    script = """
import sys
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
try:
    EmbeddedStore(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""
    with EmbeddedStore(path) as store:
        store.write([sighting("a")])
        done = in_new_process(script, path)
        assert done.stdout.startswith(
            f"StoreUnavailableError {path} is in use by another process; wait for it to end"
        ), done.stderr
        store.write([sighting("b")])
        with pytest.raises(StoreUnavailableError, match="in use"):
            EmbeddedStore(path)
    assert in_new_process(script, path).stdout == ""


def test_only_its_owner_can_read_it(path: Path) -> None:
    with EmbeddedStore(path) as store:
        store.write([sighting("a")])
        files = [item for item in path.parent.iterdir() if item.name.startswith(path.name)]
        assert len(files) == 2
        assert {stat.S_IMODE(item.stat().st_mode) for item in files} == {0o600}


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


@pytest.mark.parametrize("missing", ["file", "folder"])
def test_not_there(tmp_path: Path, missing: str) -> None:
    path = tmp_path / ("gallery.sqlite" if missing == "file" else "none/gallery.sqlite")
    with pytest.raises(StoreError, match="no such gallery") as caught:
        EmbeddedStore(path, create=False)
    one_line(caught.value)
    assert not path.exists()


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the gallery"):
        EmbeddedStore(tmp_path / "file" / "gallery.sqlite")
    with pytest.raises(StoreError, match="cannot open"):
        EmbeddedStore(tmp_path)


def test_other_files(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no gallery at all, but text that is long enough for a header\n" * 100)
    with pytest.raises(StoreError, match=r"is damaged \(file is not a database\)") as caught:
        EmbeddedStore(text)
    one_line(caught.value)
    assert text.read_text().startswith("no gallery at all")
    other = tmp_path / "other.sqlite"
    database = sqlite3.connect(other)
    database.execute("CREATE TABLE mine (a)")
    database.close()
    with pytest.raises(StoreError, match="but no gallery"):
        EmbeddedStore(other)


def test_another_format(path: Path) -> None:
    EmbeddedStore(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="has format 99"):
        EmbeddedStore(path)


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
    assert "what was stored before is" in lines[0]
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
