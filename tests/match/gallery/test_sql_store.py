"""What the SQL stores share, on each of them: lists of any length, and records of deletions."""

from __future__ import annotations

import numpy as np
import pytest

from reid_tracker.errors import InputError, ModelMismatchError
from reid_tracker.match.gallery.records import EventRecord, Where
from reid_tracker.match.gallery.sql_store import SIGHTING_COLUMNS, record_of, row_of
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.zoo import load_manifest, spaces
from tests.conftest import Clock
from tests.match.gallery.samples import MODEL, identities, person, plain, sighting


def test_a_row_gives_the_record_back() -> None:
    given = sighting("a", 3, "yard", quality=0.25)
    row = row_of(given)
    assert dict(zip(SIGHTING_COLUMNS, row, strict=True))["camera"] == "yard"
    assert plain(record_of(row, given.embeddings, MODEL)) == plain(given)


def test_lists_are_longer_than_a_statement_has_parameters(store: GalleryStore) -> None:
    many = 40_000
    store.write([sighting("a", 1), sighting("b", 2, "yard")])
    names = tuple(f"camera {row}" for row in range(many))
    assert [one.id for one in store.sightings(Where(cameras=(*names, "yard")))] == ["b"]
    assert [one.id for one in store.sightings(Where(except_cameras=(*names, "yard")))] == ["a"]
    assert [one.id for one in store.sightings(Where(sites=(*names, "north")))] == ["a", "b"]
    others = tuple(range(2, many))
    assert [one.id for one in store.sightings(Where(identities=others))] == ["b"]
    store.write(crops={"a": b"jpeg"})
    assert store.crops([*names, "a"]) == {"a": b"jpeg"}
    store.write(events=[EventRecord("m", "merge", many, 0.0, previous=others)])
    assert identities(store) == {"a": 1, "b": many}


def test_deletions_are_recorded_without_what_they_deleted(
    store: GalleryStore, clock: Clock
) -> None:
    store.write([sighting("a", 1), sighting("b", 1), sighting("c", 2)])
    clock.now_s += 10
    assert store.forget(1) == 2
    clock.now_s += 10
    assert store.purge() == 1
    assert store.purge() == 0  # deletes nothing and is not recorded
    last, first = store.info().deletions
    assert (first.what, first.sightings) == ("forget 1", 2)
    assert (last.what, last.sightings) == ("purge", 1)
    assert last.time_s - first.time_s == 10


def test_a_failed_write_leaves_the_search_as_it_was(store: GalleryStore) -> None:
    store.write([sighting("a", 1)])
    with pytest.raises(InputError, match="crop of sighting nobody"):
        store.write([sighting("a", 1, embeddings=person(5)[None])], crops={"nobody": b""})
    (hit,) = store.nearest(person(1), model=MODEL)
    assert hit.score == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(hit.sighting.embeddings, person(1)[None], atol=1e-3)


def test_a_gallery_of_an_earlier_version_has_the_space_of_its_model(
    store: GalleryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx, checkpoint = (
        load_manifest().get(name).sha256 or ""
        for name in ("osnet_x0_5_market_cuhk03_onnx", "osnet_x0_5_market_cuhk03")
    )
    with monkeypatch.context() as earlier:
        earlier.setattr(spaces, "_by_hash", dict)
        store.write([sighting("a", 1, model=onnx)])
        assert store.info().model == onnx
    assert store.info().model == "osnet_x0_5_market_cuhk03"
    store.write([sighting("b", 2, model=checkpoint)])
    store.write([sighting("c", 3, model="osnet_x0_5_market_cuhk03")])
    assert {one.model for one in store.sightings()} == {"osnet_x0_5_market_cuhk03"}
    for model in (onnx, checkpoint, "osnet_x0_5_market_cuhk03"):
        (hit, *_) = store.nearest(person(1), model=model)
        assert (hit.sighting.id, hit.sighting.model) == ("a", "osnet_x0_5_market_cuhk03")
    with pytest.raises(
        ModelMismatchError, match=r"osnet_x0_5_market_cuhk03 .*not of osnet_x0_25_cuhk03 "
    ):
        store.nearest(person(1), model="osnet_x0_25_cuhk03")
    with monkeypatch.context() as earlier:  # nothing was rewritten
        earlier.setattr(spaces, "_by_hash", dict)
        assert store.info().model == onnx
