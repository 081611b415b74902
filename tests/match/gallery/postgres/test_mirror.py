"""The index beside a database: against exact searches, through changes of several processes."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from reid_tracker.match.gallery.postgres import mirror as mirror_module
from reid_tracker.match.gallery.postgres import store as store_module
from reid_tracker.match.gallery.postgres.store import PostgresStore
from reid_tracker.match.gallery.records import ANYWHERE, EventRecord, SightingRecord, Where
from reid_tracker.types import Embeddings
from tests.match.gallery.samples import MODEL, OTHER_MODEL, sighting, unit
from tests.match.gallery.server import Server
from tests.match.gallery.test_vector_index import looks
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # each process that runs tests would start a server
PEOPLE, EACH = 150, 8


@pytest.fixture(autouse=True)
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index from few sightings on, which follows fast."""
    for name, value in {"_INDEXED_FROM": 400, "_MIN_CANDIDATES": 120, "_PATIENCE": 1}.items():
        monkeypatch.setattr(store_module, name, value)
    monkeypatch.setattr(mirror_module, "_EVERY_S", 0.05)
    monkeypatch.setattr(mirror_module, "_CHECKED_EVERY_S", 0.2)


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def vectors() -> Embeddings:
    return looks(PEOPLE, EACH)


def people(vectors: Embeddings, first: int = 0) -> list[SightingRecord]:
    return [
        sighting(
            str(row),
            row // EACH + 1,
            f"c{row % 3}",
            start_s=row,
            end_s=row + 5,
            embeddings=vectors[row : row + 1],
        )
        for row in range(first, len(vectors))
    ]


def analyse(server: Server, schema: str) -> None:
    """Do at once what the server does by itself within a minute."""
    import psycopg

    with psycopg.connect(server.address, autocommit=True) as connection:
        connection.execute(f'ANALYZE "{schema}".sightings')


@pytest.fixture
def store(postgres: Server, schema: str, vectors: Embeddings) -> Iterator[PostgresStore]:
    """A store of all people with a complete index."""
    with PostgresStore(postgres.address, schema=schema) as store:
        store.write(people(vectors))
        analyse(postgres, schema)
        assert store.indexed(60)
        yield store


def codes(store: PostgresStore) -> set[int]:
    """Numbers in the index."""
    mirror = store._mirror
    assert mirror is not None
    assert mirror._index is not None
    with mirror._lock:
        return set(mirror._index.numbers().tolist())


def numbers(store: PostgresStore) -> set[int]:
    """Numbers in the table."""
    with store._use() as connection:
        return {row[0] for row in connection.execute("SELECT number FROM sightings")}


@pytest.mark.parametrize(
    "where",
    [
        ANYWHERE,
        Where(cameras=("c1",)),
        Where(cameras=("c1",), since_s=20, until_s=60),
        Where(since_s=200, until_s=900),
        Where(except_identities=frozenset(range(1, 60))),
        Where(identities=(3,)),
    ],
)
@pytest.mark.parametrize("each", [False, True])
def test_against_the_exact_search(
    store: PostgresStore, vectors: Embeddings, where: Where, each: bool
) -> None:
    hits = wanted = 0
    for query in vectors[3::59]:
        found = store.nearest(query, model=MODEL, k=5, where=where, one_per_identity=each)
        mirror, store._mirror = store._mirror, None
        best = store.nearest(query, model=MODEL, k=5, where=where, one_per_identity=each)
        store._mirror = mirror
        assert len(found) == len(best)
        hits += len({hit.sighting.id for hit in found} & {hit.sighting.id for hit in best})
        wanted += len(best)
        scores = {hit.sighting.id: hit.score for hit in best}
        for hit in found:
            assert hit.score == pytest.approx(scores.get(hit.sighting.id, hit.score), abs=1e-6)
    assert hits >= 0.85 * wanted  # short vectors have rough codes


def test_it_is_used(store: PostgresStore, vectors: Embeddings) -> None:
    """A person without code is not found, so the database did not compare everything."""
    assert codes(store) == numbers(store)
    (hit,) = store.nearest(vectors[77], model=MODEL, k=1)
    assert hit.sighting.id == "77"
    with store._use() as connection:
        number = store._value(connection, "SELECT number FROM sightings WHERE id = '77'")
    assert store._mirror is not None
    store._mirror.remove(np.array([number]))
    (hit,) = store.nearest(vectors[77], model=MODEL, k=1)
    assert hit.sighting.id != "77"


def test_changes_of_another_process_arrive(
    store: PostgresStore, postgres: Server, schema: str, vectors: Embeddings
) -> None:
    new = looks(30, 4, seed=9)
    with PostgresStore(postgres.address, schema=schema) as other:
        other.write(
            [sighting("new", 500, embeddings=new[:3]), sighting("5", 1, embeddings=new[50:51])]
        )
        other.forget(20)
        other.write(events=[EventRecord("m", "merge", 600, 0.0, (30,))])

    def arrived() -> bool:
        found = [store.nearest(query, model=MODEL, k=1)[0].sighting.id for query in new[[0, 50]]]
        return found == ["new", "5"] and codes(store) == numbers(store)

    wait_until(arrived, "the changes")
    assert store.nearest(vectors[5], model=MODEL, k=1)[0].sighting.id != "5"
    found = store.nearest(vectors[19 * EACH], model=MODEL, k=5)
    assert not {hit.sighting.id for hit in found} & {str(19 * EACH + row) for row in range(EACH)}
    hits = store.nearest(vectors[29 * EACH], model=MODEL, k=5, one_per_identity=True)
    assert hits[0].sighting.identity == 600


def test_what_is_forgotten_is_gone_at_once(store: PostgresStore, vectors: Embeddings) -> None:
    with store._use() as connection:
        rows = connection.execute("SELECT number FROM sightings WHERE identity = 12").fetchall()
    gone = {row[0] for row in rows}
    assert gone <= codes(store)
    assert store.forget(12) == EACH
    assert not gone & codes(store)
    clock_s = max(one.end_s for one in store.sightings()) + 1e10
    assert store.purge(clock_s) == PEOPLE * EACH - EACH
    assert not codes(store)
    assert store.nearest(vectors[0], model=MODEL) == []


def test_another_encoder_after_everything_was_deleted(
    store: PostgresStore, postgres: Server, schema: str
) -> None:
    """Its embeddings have another size; another process deletes and writes."""
    longer = unit(np.random.default_rng(0).standard_normal((500, 96)))
    new = [
        sighting(str(row), 1, model=OTHER_MODEL, embeddings=longer[row : row + 1])
        for row in range(len(longer))
    ]
    with PostgresStore(postgres.address, schema=schema) as other:
        other.purge()
        other.write(new)
    analyse(postgres, schema)
    for row in (4, 480):
        (hit,) = store.nearest(longer[row], model=OTHER_MODEL, k=1)
        assert hit.sighting.id == str(row)
    wait_until(
        lambda: (
            store._mirror is not None
            and store._mirror._index is not None
            and store._mirror._index.size == 96
            and codes(store) == numbers(store)
        ),
        "a new index",
    )
    (hit,) = store.nearest(longer[4], model=OTHER_MODEL, k=1)
    assert hit.sighting.id == "4"
    store.purge()
    assert store.nearest(longer[4], model=OTHER_MODEL) == []


def test_a_gallery_of_an_earlier_version(
    postgres: Server, schema: str, vectors: Embeddings
) -> None:
    import psycopg

    with PostgresStore(postgres.address, schema=schema) as store:
        store.write(people(vectors))
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f'ALTER TABLE "{schema}".sightings DROP COLUMN change')
    analyse(postgres, schema)
    with PostgresStore(postgres.address, schema=schema) as store:
        store.nearest(vectors[0], model=MODEL)
        assert store._mirror is not None
        assert store._mirror.wait(60)
        assert codes(store) == numbers(store)
        store.write([sighting("7", 900, embeddings=looks(1, 1, seed=5))])
        wait_until(
            lambda: store.nearest(looks(1, 1, seed=5)[0], model=MODEL, k=1)[0].sighting.id == "7",
            "the change",
        )


def test_without_faiss_it_is_said_once(
    postgres: Server,
    schema: str,
    vectors: Embeddings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mirror_module, "is_available", lambda: False)
    with PostgresStore(postgres.address, schema=schema) as store:
        assert not store.indexed(1)
        store.write(people(vectors))
        analyse(postgres, schema)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert store.nearest(vectors[9], model=MODEL, k=1)[0].sighting.id == "9"
    (message,) = caplog.messages
    assert "pip install 'reid-tracker[index]'" in message


def test_who_does_not_own_the_tables_of_an_earlier_version(
    postgres: Server, schema: str, vectors: Embeddings
) -> None:
    """The column of changes cannot be added: everything is compared, and written as before."""
    import psycopg

    role = f"writer_{schema}"
    with PostgresStore(postgres.address, schema=schema) as store:
        store.write(people(vectors))
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f'ALTER TABLE "{schema}".sightings DROP COLUMN change')
        admin.execute(f'CREATE ROLE "{role}"')
        admin.execute(f'GRANT ALL ON SCHEMA "{schema}" TO "{role}"')
        admin.execute(f'GRANT ALL ON ALL TABLES IN SCHEMA "{schema}" TO "{role}"')
        admin.execute(f'GRANT CREATE ON DATABASE postgres TO "{role}"')
    analyse(postgres, schema)
    address = f"{postgres.address}&options=-c%20role%3D{role}"
    with PostgresStore(address, schema=schema) as store:
        assert not store.indexed(1)
        assert store.nearest(vectors[9], model=MODEL, k=1)[0].sighting.id == "9"
        store.write(people(vectors[:10], 9))
        assert store.forget(2) == EACH
    with PostgresStore(postgres.address, schema=schema) as store:
        assert store.indexed(60)
        assert codes(store) == numbers(store)
    with PostgresStore(address, schema=schema) as store:  # the owner has added it
        store.write(people(vectors[:10], 9))
        assert store.indexed(60)
