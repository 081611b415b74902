"""What every gallery store promises: one suite, run over all of them."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from reid_tracker.errors import InputError, ModelMismatchError, StoreError
from reid_tracker.match.gallery.records import ANYWHERE, EventRecord, Hit, Where
from reid_tracker.match.gallery.store import GalleryStore
from tests.conftest import Clock
from tests.match.gallery.samples import (
    MODEL,
    OTHER_MODEL,
    SIZE,
    identities,
    person,
    plain,
    sighting,
    unit,
    views,
)

Open = Callable[[], GalleryStore]


def names(hits: list[Hit]) -> list[str]:
    return [hit.sighting.id for hit in hits]


def test_empty(store: GalleryStore) -> None:
    assert store.sightings() == []
    assert list(store.pages()) == []
    assert store.events() == []
    assert store.crops(["a"]) == {}
    assert store.nearest(person(1), model=MODEL) == []
    assert store.forget(1) == store.purge() == store.count() == 0
    info = store.info()
    assert (info.sightings, info.embeddings, info.identities, info.next_identity) == (0, 0, 0, 1)
    assert (info.model, info.first_s, info.last_s) == (None, None, None)
    store.write()


def test_a_sighting_comes_back_as_it_was(store: GalleryStore) -> None:
    given = sighting("a/1", 7, "Tür 3", site="", embeddings=views(person(7), 5), quality=0.25)
    store.write([given])
    (found,) = store.sightings()
    assert store.count() == 1
    assert plain(found) == plain(given)
    np.testing.assert_allclose(found.embeddings, given.embeddings, atol=1e-3)
    assert np.einsum("pd,pd->p", found.embeddings, given.embeddings).min() > 1 - 1e-3


def test_it_outlasts_its_process(open_gallery: Open) -> None:
    with open_gallery() as store:
        store.write([sighting("a", 3), sighting("b", 4)], [event("e", "new", 3)], {"a": b"jpeg"})
        before = store.info()
    with open_gallery() as store:
        assert identities(store) == {"a": 3, "b": 4}
        assert store.crops(["a", "b"]) == {"a": b"jpeg"}
        assert [one.id for one in store.events()] == ["e"]
        assert store.info().next_identity == before.next_identity == 5
        (hit,) = store.nearest(person(4), model=MODEL, k=1)
        assert hit.sighting.id == "b"


def test_writing_again_replaces(store: GalleryStore) -> None:
    store.write([sighting("a", 1), sighting("b", 2)])
    store.write([sighting("a", 1, end_s=1020.0, embeddings=views(person(9), 3))], crops={"a": b"1"})
    store.write([sighting("a", 1, end_s=1030.0, embeddings=views(person(9), 2))])
    found = {one.id: one for one in store.sightings()}
    assert len(found) == 2
    assert found["a"].end_s == 1030
    assert found["a"].embeddings.shape == (2, SIZE)
    assert store.info().embeddings == 3
    assert names(store.nearest(person(9), model=MODEL, k=1)) == ["a"]
    assert store.nearest(person(1), model=MODEL, k=1)[0].score < 0.5
    assert store.crops(["a"]) == {"a": b"1"}


def test_of_two_with_one_id_in_a_batch_the_last_counts(store: GalleryStore) -> None:
    store.write([sighting("a", 1), sighting("b", 2), sighting("a", 3)])
    assert identities(store) == {"a": 3, "b": 2}


def test_a_batch_is_written_whole_or_not_at_all(store: GalleryStore) -> None:
    store.write([sighting("a", 1)])
    with pytest.raises(InputError, match="crop of sighting nobody"):
        store.write([sighting("a", 2), sighting("b", 2)], [event("e", "new", 2)], {"nobody": b"x"})
    assert identities(store) == {"a": 1}
    assert store.events() == []
    assert names(store.nearest(person(2), model=MODEL)) == ["a"]
    assert store.info().next_identity == 2


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (ANYWHERE, "abcd"),
        (Where(cameras=("door",)), "ab"),
        (Where(cameras=("hall", "yard")), "cd"),
        (Where(cameras=("none",)), ""),
        (Where(except_cameras=("door",)), "cd"),
        (Where(except_cameras=("none",)), "abcd"),
        (Where(sites=("south",)), "d"),
        (Where(sites=("none",)), ""),
        (Where(identities=(2,)), "bd"),
        (Where(identities=(2, 3)), "bcd"),
        (Where(identities=(99,)), ""),
        (Where(except_identities=frozenset({2})), "ac"),
        (Where(except_identities=frozenset(range(2, 40_000))), "a"),
        (Where(except_identities=frozenset({99})), "abcd"),
        (Where(identities=(2, 3), except_identities=frozenset({3})), "bd"),
        (Where(since_s=150), "bcd"),
        (Where(since_s=210), "bcd"),
        (Where(since_s=211), "cd"),
        (Where(until_s=200), "ab"),
        (Where(until_s=199), "a"),
        (Where(since_s=150, until_s=250), "b"),
        (Where(since_s=350, until_s=380), "c"),
        (Where(since_s=999), ""),
        (Where(cameras=("hall",), sites=("north",), identities=(3,), since_s=0, until_s=999), "c"),
    ],
)
def test_filters(store: GalleryStore, where: Where, expected: str) -> None:
    store.write(
        [
            sighting("a", 1, "door", start_s=100, end_s=110),
            sighting("b", 2, "door", start_s=200, end_s=210),
            sighting("c", 3, "hall", start_s=300, end_s=400),
            sighting("d", 2, "yard", start_s=500, end_s=510, site="south"),
        ]
    )
    assert "".join(one.id for one in store.sightings(where)) == expected
    found = store.nearest(person(2), model=MODEL, where=where)
    assert sorted(names(found)) == list(expected)


def test_names_are_data_not_sql(store: GalleryStore) -> None:
    nasty = "'; DROP TABLE sightings; -- %s ? \" \\"
    store.write([sighting(nasty, 1, nasty, site=nasty)], [event(nasty, "new", 1, reason=nasty)])
    (found,) = store.sightings(Where(cameras=(nasty,), sites=(nasty,)))
    assert (found.id, found.camera, found.site) == (nasty, nasty, nasty)
    assert store.events()[0].reason == nasty


def test_timeline_is_in_the_order_of_time(store: GalleryStore) -> None:
    order = [5, 3, 8, 1, 9]
    store.write([sighting(str(time), 1, start_s=time, end_s=time + 1) for time in order])
    timeline = store.sightings(Where(identities=(1,)))
    assert [one.start_s for one in timeline] == sorted(order)
    assert [one.id for one in store.sightings(limit=2)] == ["1", "3"]


def test_nearest_is_exact(store: GalleryStore) -> None:
    """Against all cosines, computed one by one in float64."""
    random = np.random.default_rng(0)
    given = [
        sighting(
            f"s{row}",
            int(random.integers(1, 20)),
            embeddings=unit(random.standard_normal((row % 3 + 1, SIZE))),
        )
        for row in range(60)
    ]
    store.write(given)
    query = unit(random.standard_normal((1, SIZE)))[0]
    best = {one.id: (one.embeddings.astype(np.float64) @ query).max() for one in given}
    for k in (1, 7, 60, 100):
        hits = store.nearest(query, model=MODEL, k=k)
        assert names(hits) == sorted(best, key=best.__getitem__, reverse=True)[:k]
        expected = [best[hit.sighting.id] for hit in hits]
        np.testing.assert_allclose([hit.score for hit in hits], expected, atol=2e-3)
    of_each: dict[int, str] = {}
    for name in sorted(best, key=best.__getitem__, reverse=True):
        of_each.setdefault(given[int(name[1:])].identity, name)
    hits = store.nearest(query, model=MODEL, k=5, one_per_identity=True)
    assert names(hits) == list(of_each.values())[:5]


def test_nobody_yet_is_no_identity(store: GalleryStore) -> None:
    store.write([sighting("a", 0, embeddings=person(1)[None]), sighting("b", 2)])
    assert names(store.nearest(person(1), model=MODEL)) == ["a", "b"]
    assert names(store.nearest(person(1), model=MODEL, one_per_identity=True)) == ["b"]
    assert store.info().identities == 1
    with pytest.raises(InputError, match="identity 0"):
        store.forget(0)


def test_another_models_vectors_are_refused(store: GalleryStore) -> None:
    store.write([sighting("a")])
    other = sighting("b", 2, model=OTHER_MODEL)
    longer = sighting("c", 3, embeddings=np.eye(SIZE + 1, dtype=np.float32)[:1])
    for wrong in (other, longer):
        with pytest.raises(ModelMismatchError, match="use the same encoder"):
            store.write([sighting("x", 9), wrong])
    for query, model in ((person(1), OTHER_MODEL), (person(1, SIZE + 1), MODEL)):
        with pytest.raises(ModelMismatchError):
            store.nearest(query, model=model)
    with pytest.raises(ModelMismatchError):
        store.write([sighting("x", 9, model=OTHER_MODEL)])
    assert identities(store) == {"a": 1}
    assert (store.info().model, store.info().embedding_size) == (MODEL, SIZE)


def test_two_models_in_the_first_batch(store: GalleryStore) -> None:
    with pytest.raises(ModelMismatchError):
        store.write([sighting("a"), sighting("b", model=OTHER_MODEL)])
    assert store.info().model is None
    store.write([sighting("b", model=OTHER_MODEL)])


def test_an_emptied_store_takes_another_model(open_gallery: Open) -> None:
    with open_gallery() as store:
        store.write([sighting("a", 5)])
        assert store.purge() == 1
        assert store.info().model is None
        longer = np.eye(SIZE + 1, dtype=np.float32)[:1]
        store.write([sighting("b", 1, model=OTHER_MODEL, embeddings=longer)])
    with open_gallery() as store:
        assert store.info().model == OTHER_MODEL
        assert store.info().next_identity == 6


@pytest.mark.parametrize(
    ("query", "k", "message"),
    [
        (np.eye(SIZE), 1, "shape"),
        (np.zeros(SIZE), 1, "length 0"),
        (np.full(SIZE, np.nan), 1, "length nan"),
        (person(1), 0, "k = 0"),
    ],
)
def test_a_query_that_is_none(store: GalleryStore, query: object, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.nearest(query, model=MODEL, k=k)  # type: ignore[arg-type]


def event(
    id: str,
    kind: str,
    identity: int,
    *previous: int,
    of: tuple[str, ...] = (),
    reason: str = "",
) -> EventRecord:
    return EventRecord(id, kind, identity, 1000.0, previous, of, reason, 0.75)  # type: ignore[arg-type]


def test_events_come_back_as_they_were(open_gallery: Open) -> None:
    given = [
        event("1", "new", 3, of=("a", "b"), reason="nobody known"),
        event("2", "merge", 3, 7, 8),
        event("3", "split", 0, 3, of=("a",)),
    ]
    with open_gallery() as store:
        store.write(events=given)
    with open_gallery() as store:
        assert store.events() == given
        store.write(events=given[:1])
        assert store.events() == given


def test_a_merge_moves_all_sightings(store: GalleryStore) -> None:
    store.write([sighting("a", 1), sighting("b", 2), sighting("c", 2), sighting("d", 3)])
    store.write(events=[event("m", "merge", 1, 2, of=("b",))])
    assert identities(store) == {"a": 1, "b": 1, "c": 1, "d": 3}
    where = Where(identities=(1,))
    assert sorted(names(store.nearest(person(2), model=MODEL, where=where))) == ["a", "b", "c"]
    assert len(store.nearest(person(2), model=MODEL, one_per_identity=True)) == 2


def test_a_split_moves_the_sightings_that_it_names(store: GalleryStore) -> None:
    store.write([sighting("a", 1), sighting("b", 1), sighting("c", 1)])
    store.write(events=[event("s", "split", 5, 1, of=("b", "c", "unknown"))])
    assert identities(store) == {"a": 1, "b": 5, "c": 5}
    found = store.nearest(person(1), model=MODEL, where=Where(identities=(5,)))
    assert sorted(names(found)) == ["b", "c"]
    assert store.info().next_identity == 6


def test_sightings_are_written_before_the_events_of_a_batch(store: GalleryStore) -> None:
    store.write(
        [sighting("a", 0), sighting("b", 2)],
        [event("1", "new", 1, of=("a",)), event("2", "merge", 2, 1)],
    )
    assert identities(store) == {"a": 2, "b": 2}


def test_a_batch_sent_twice_changes_nothing(store: GalleryStore) -> None:
    """As happens where the connection broke before the first was acknowledged."""
    batch = [sighting("a", 1), sighting("b", 2)], [event("m", "merge", 1, 2)], {"a": b"x"}
    store.write(*batch)
    before = store.info()
    store.write(*batch)
    assert identities(store) == {"a": 1, "b": 1}
    assert (store.info().sightings, store.info().events) == (before.sightings, before.events)


def test_events_of_an_identity_and_of_those_it_came_from(store: GalleryStore) -> None:
    given = [
        event("1", "new", 1),
        event("2", "new", 2),
        event("3", "new", 3),
        event("4", "merge", 2, 3),
        event("5", "merge", 1, 2),
        event("6", "split", 9, 1, of=("a",)),
        event("7", "new", 4),
    ]
    store.write(events=given)
    assert [one.id for one in store.events(1)] == list("123456")
    assert [one.id for one in store.events(3)] == list("34")
    assert [one.id for one in store.events(9)] == ["6"]


def test_numbers_are_given_out_once(open_gallery: Open) -> None:
    with open_gallery() as store:
        assert store.reserve_identities(3) == range(1, 4)
        store.write([sighting("a", 10)], [event("m", "merge", 10, 20)])
        assert store.reserve_identities(1) == range(21, 22)
        store.purge()
        with pytest.raises(InputError, match="at least 1"):
            store.reserve_identities(0)
    with open_gallery() as store:
        assert store.reserve_identities(2) == range(22, 24)


def test_forget(open_gallery: Open) -> None:
    with open_gallery() as store:
        store.write(
            [sighting("a", 1), sighting("b", 2), sighting("c", 3)],
            [event("1", "new", 1), event("2", "new", 2), event("3", "merge", 1, 2)],
            {"a": b"picture", "c": b"other"},
        )
        store.write(events=[event("4", "new", 3)])
        assert store.forget(1) == 2
        assert store.forget(1) == 0
    with open_gallery() as store:
        assert identities(store) == {"c": 3}
        assert store.crops(["a", "b", "c"]) == {"c": b"other"}
        assert [one.id for one in store.events()] == ["4"]
        assert names(store.nearest(person(1), model=MODEL)) == ["c"]
        (line,) = store.info().deletions
        assert (line.what, line.sightings) == ("forget 1", 2)


def test_a_picture_that_claims_too_much_is_not_stored(
    open_gallery: Open, caplog: pytest.LogCaptureFixture
) -> None:
    claims = b"\xff\xd8\xff\xc0\x00\x11\x08" + (32000).to_bytes(2, "big") * 2 + bytes(600)
    with open_gallery() as store:
        store.write([sighting("a"), sighting("b")], crops={"a": claims, "b": b"picture"})
        assert store.crops(["a", "b"]) == {"b": b"picture"}
    assert "32000 x 32000 pixels" in caplog.text


def test_purge_by_age_in_the_store(open_gallery: Open, clock: Clock) -> None:
    with open_gallery() as store:
        store.write([sighting("old", 1)], [event("1", "new", 1)], {"old": b"x"})
        clock.now_s += 3600
        store.write([sighting("new", 2)], [event("2", "new", 2)], {"new": b"y"})
        assert store.purge(clock.now_s - 3600) == 0
        assert store.purge(clock.now_s - 1800) == 1
        clock.now_s += 60
    with open_gallery() as store:
        assert identities(store) == {"new": 2}
        assert [one.id for one in store.events()] == ["2"]
        assert store.crops(["old", "new"]) == {"new": b"y"}
        assert names(store.nearest(person(1), model=MODEL)) == ["new"]
        assert store.purge() == 1
        assert store.events() == []
        assert [(line.what, line.sightings) for line in store.info().deletions] == [
            ("purge", 1),
            ("purge", 1),
        ]


def test_pages(store: GalleryStore) -> None:
    given = [sighting(f"s{row:02}", 1, start_s=100 - row, end_s=200) for row in range(25)]
    store.write(given[:15])
    store.write(given[15:])
    pages = list(store.pages(10))
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sorted(one.id for page in pages for one in page) == [one.id for one in given]


def test_info(store: GalleryStore) -> None:
    store.write(
        [
            sighting("a", 1, "hall", start_s=50, end_s=60, embeddings=views(person(1), 3)),
            sighting("b", 1, "door", start_s=70, end_s=90),
        ],
        [event("1", "new", 1)],
        {"b": b"x"},
    )
    info = store.info()
    assert (info.sightings, info.embeddings, info.identities) == (2, 4, 1)
    assert (info.events, info.crops, info.cameras) == (1, 1, ("door", "hall"))
    assert (info.first_s, info.last_s, info.next_identity) == (50, 90, 2)
    assert info.size_bytes > 0
    assert info.kind in {"embedded", "postgresql"}


def test_closed(open_gallery: Open) -> None:
    store = open_gallery()
    store.close()
    store.close()
    for call in (store.info, store.write, store.sightings, lambda: store.purge(math.inf)):
        with pytest.raises(StoreError, match="was closed"):
            call()


def test_many_threads(store: GalleryStore) -> None:
    def work(number: int) -> None:
        for row in range(5):
            store.write([sighting(f"{number}/{row}", number + 1)])
            store.nearest(person(number + 1), model=MODEL)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(identities(store)) == store.info().embeddings == 20
