"""Export and import: a gallery as a file, from every store into every store."""

from __future__ import annotations

import dataclasses
import gzip
import json
import os
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import (
    ConfigError,
    InputError,
    ModelMismatchError,
    OutputError,
    StoreError,
)
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.open import open_gallery as open_address
from reid_tracker.match.gallery.records import EventRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.match.gallery.transfer import export_gallery, import_gallery
from tests.match.gallery.samples import identities, person, plain, sighting, views


def fill(store: GalleryStore) -> None:
    store.write(
        [sighting("ä/1", 1, embeddings=views(person(1), 3)), sighting("b", 2), sighting("c", 3)],
        [EventRecord("e1", "new", 1, 5.0, (), ("ä/1",), "nobody known", 0.5)],
        {"b": b"\xff\xd8 picture"},
    )
    store.write(
        events=[
            EventRecord("e2", "merge", 1, 6.0, (2,)),
            EventRecord("e3", "split", 9, 7.0, (1,), ("b",)),
        ]
    )
    store.reserve_identities(5)


@pytest.mark.parametrize("name", ["copy.jsonl", "copy.jsonl.gz"])
def test_there_and_back(store: GalleryStore, tmp_path: Path, name: str) -> None:
    fill(store)
    path = tmp_path / name
    assert export_gallery(store, path, crops=True) == (3, 3, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with EmbeddedStore(tmp_path / "other.sqlite") as other:
        assert import_gallery(other, path) == (3, 3, 1)
        assert identities(other) == identities(store) == {"ä/1": 1, "b": 9, "c": 3}
        for given, found in zip(store.sightings(), other.sightings(), strict=True):
            assert plain(given) == plain(found)
            np.testing.assert_array_equal(given.embeddings, found.embeddings)
        assert other.events() == store.events()
        assert other.crops(["b"]) == {"b": b"\xff\xd8 picture"}
        kept = ("sightings", "embeddings", "identities", "model", "next_identity", "last_s")
        for field in kept:
            assert getattr(other.info(), field) == getattr(store.info(), field)
        export_gallery(other, tmp_path / f"again-{name}", crops=True)
    assert (tmp_path / f"again-{name}").read_bytes() == path.read_bytes()


def test_import_into_every_store(store: GalleryStore, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "first.sqlite") as first:
        fill(first)
        export_gallery(first, tmp_path / "copy.jsonl")
        import_gallery(store, tmp_path / "copy.jsonl")
        assert identities(store) == identities(first)
        assert store.events() == first.events()
        assert store.crops(["b"]) == {}
        assert store.reserve_identities(1) == first.reserve_identities(1)


def test_an_empty_gallery(store: GalleryStore, tmp_path: Path) -> None:
    export_gallery(store, tmp_path / "copy.jsonl")
    assert import_gallery(store, tmp_path / "copy.jsonl") == (0, 0, 0)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """An export of a gallery."""
    with EmbeddedStore(tmp_path / "full.sqlite") as store:
        fill(store)
        export_gallery(store, tmp_path / "copy.jsonl")
    return tmp_path / "copy.jsonl"


def test_two_galleries_are_not_mixed(full: Path, tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path / "full.sqlite") as store:
        with pytest.raises(StoreError, match="already holds 3 sightings"):
            import_gallery(store, full)
        assert store.info().sightings == 3


def cut(lines: list[str]) -> list[str]:
    return lines[:-1]


def without_a_line(lines: list[str]) -> list[str]:
    return lines[:4] + lines[5:]


def broken(lines: list[str]) -> list[str]:
    return [*lines[:5], lines[5][:40]]


def other_kind(lines: list[str]) -> list[str]:
    return ['{"format": "something"}', *lines[1:]]


def no_vector(lines: list[str]) -> list[str]:
    data = json.loads(lines[4])
    data["sighting"]["embeddings"] = "AAAA"
    return [*lines[:4], json.dumps(data), *lines[5:]]


def other_field(name: str, value: object) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        data = json.loads(lines[4])
        data["sighting"][name] = value
        return [*lines[:4], json.dumps(data), *lines[5:]]

    return change


def extra_key(lines: list[str]) -> list[str]:
    data = json.loads(lines[4])
    data["sighting"]["more"] = 1
    return [*lines[:4], json.dumps(data), *lines[5:]]


def other_next(value: object) -> Callable[[list[str]], list[str]]:
    return lambda lines: [
        json.dumps(json.loads(lines[0]) | {"next_identity": value}),
        *lines[1:],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_next("x"), "line 1 is damaged: next_identity = 'x'"),
        (other_next([2]), "line 1 is damaged"),
        (other_next(1e999), "line 1 is damaged"),
        (other_next(2**80), "line 1 is damaged"),
        (cut, "is truncated: it ends after 3 sightings"),
        (without_a_line, "is truncated: it ends after 2 sightings"),
        (broken, "line 6 is damaged"),
        (other_kind, "is not an export"),
        (no_vector, "line 5 is damaged"),
        (extra_key, "line 5 is damaged"),
        (other_field("start_s", 10**400), "line 5 is damaged"),
        (other_field("quality", 10**400), "line 5 is damaged"),
        (lambda lines: [], "line 1 is damaged"),
        (lambda lines: ["[]"], "line 1 is damaged"),
    ],
)
def test_damaged_exports(
    full: Path, tmp_path: Path, change: Callable[[list[str]], list[str]], message: str
) -> None:
    """One line of error, and nothing of it stays behind."""
    lines = full.read_text(encoding="utf-8").splitlines()
    full.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    with EmbeddedStore(tmp_path / "new.sqlite") as store:
        with pytest.raises(InputError, match=message) as caught:
            import_gallery(store, full)
        assert "\n" not in str(caught.value)
        assert store.info().sightings == store.info().events == 0


def test_another_model_on_one_line(full: Path, tmp_path: Path) -> None:
    lines = other_field("model", "a\nb\x1cc\x85d")(full.read_text(encoding="utf-8").splitlines())
    full.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (
        EmbeddedStore(tmp_path / "new.sqlite") as store,
        pytest.raises(ModelMismatchError, match="a b c d") as caught,
    ):
        import_gallery(store, full)
    assert len(str(caught.value).splitlines()) == 1


def test_a_line_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 100_000_000))
    with EmbeddedStore(tmp_path / "new.sqlite") as store:
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match="line 1 is damaged: expected at most"):
                import_gallery(store, path)
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()


def test_a_compressed_file_that_was_cut(full: Path, tmp_path: Path) -> None:
    packed = gzip.compress(full.read_bytes())
    full.write_bytes(packed[: len(packed) // 2])
    with EmbeddedStore(tmp_path / "new.sqlite") as store:
        with pytest.raises(InputError, match="cannot read"):
            import_gallery(store, full)
        with pytest.raises(InputError, match="cannot read"):
            import_gallery(store, tmp_path / "none.jsonl")


def test_nothing_is_replaced_unasked(full: Path, tmp_path: Path) -> None:
    before = full.read_bytes()
    with EmbeddedStore(tmp_path / "new.sqlite") as store:
        with pytest.raises(OutputError, match="--overwrite"):
            export_gallery(store, full)
        assert full.read_bytes() == before
        export_gallery(store, full, overwrite=True)
        assert full.read_bytes() != before
        with pytest.raises(OutputError, match="cannot write"):
            export_gallery(store, tmp_path / "none" / "copy.jsonl")
    assert not list(tmp_path.glob("*.part"))
    assert os.listdir(tmp_path).count("copy.jsonl") == 1


def test_addresses(tmp_path: Path) -> None:
    with open_address(tmp_path / "a.sqlite") as store:
        assert store.info().kind == "embedded"
    with pytest.raises(StoreError, match="no such gallery"):
        open_address(tmp_path / "b.sqlite", create=False)
    for address, message in (("mysql://host/x", "mysql://"), (" ", "no name")):
        with pytest.raises(ConfigError, match=message):
            open_address(address)


def test_records_are_all_exported(full: Path) -> None:
    """A field that is added to a record must not be forgotten here."""
    lines = [json.loads(line) for line in full.read_text(encoding="utf-8").splitlines()]
    fields = {field.name for field in dataclasses.fields(sighting("a"))}
    assert set(lines[4]["sighting"]) == fields
