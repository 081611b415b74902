"""The file of an embedded gallery: one process, private, and refused if it is something else."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from reid_tracker.errors import StoreError, StoreUnavailableError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.match.gallery.embedded.helpers import in_new_process, one_line
from tests.match.gallery.holding import held
from tests.match.gallery.samples import identities, sighting


@pytest.mark.slow
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


def test_an_empty_file_that_everybody_may_read_becomes_private(path: Path) -> None:
    path.touch()
    path.chmod(0o644)
    with EmbeddedStore(path) as store:
        store.write([sighting("a")])
        files = [item for item in path.parent.iterdir() if item.name.startswith(path.name)]
        assert {stat.S_IMODE(item.stat().st_mode) for item in files} == {0o600}


@pytest.mark.slow
def test_a_file_is_read_while_another_process_writes(path: Path) -> None:
    with held(path):
        with EmbeddedStore(path, read_only=True) as store:
            assert identities(store) == {"held": 77}
            assert store.crops(["held"]) == {"held": b"picture"}
            with pytest.raises(StoreError, match="opened for reading only"):
                store.write([sighting("b")])
            with pytest.raises(StoreError, match="opened for reading only"):
                store.purge()
        with pytest.raises(StoreUnavailableError, match="in use"):
            EmbeddedStore(path)
    with pytest.raises(StoreError, match="no such gallery"):
        EmbeddedStore(path.with_name("other"), read_only=True)


@pytest.mark.parametrize("missing", ["file", "folder"])
def test_not_there(tmp_path: Path, missing: str) -> None:
    path = tmp_path / ("gallery.sqlite" if missing == "file" else "none/gallery.sqlite")
    with pytest.raises(StoreError, match="no such gallery") as caught:
        EmbeddedStore(path, create=False)
    one_line(caught.value)
    assert not path.exists()


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot create the gallery"):
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
    with pytest.raises(StoreError, match="but not a gallery"):
        EmbeddedStore(other)


def test_another_format(path: Path) -> None:
    EmbeddedStore(path).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="has format 99"):
        EmbeddedStore(path)
