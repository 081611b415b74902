"""The gallery in PostgreSQL: a server that goes away and returns, refusals, several machines."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator

import numpy as np
import pytest

from reid_tracker.errors import (
    ModelMismatchError,
    StoreUnavailableError,
)
from reid_tracker.match.gallery.postgres.store import PostgresStore
from reid_tracker.match.gallery.records import EventRecord
from reid_tracker.match.gallery.writer import GalleryWriter
from tests.match.gallery.samples import MODEL, OTHER_MODEL, identities, person, sighting, unit
from tests.match.gallery.server import Server, start_or_skip

pytestmark = pytest.mark.slow  # each process that runs tests would start a server


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may kill."""
    server = start_or_skip()
    yield server
    server.stop()


def test_what_is_deleted_is_in_no_file_of_a_table(own_server: Server) -> None:
    """Pictures are written encrypted only; keys, and at a purge all tables, are written anew."""
    import psycopg

    rng = np.random.default_rng(0)
    pictures = {name: rng.bytes(20_000) for name in "abc"}

    def places(content: bytes) -> set[str]:
        """Return the folders of the server with files that hold it."""
        with psycopg.connect(own_server.address, autocommit=True) as admin:
            admin.execute("CHECKPOINT")
        files = [path for path in own_server.folder.rglob("*") if path.is_file()]
        found = [path for path in files if content in path.read_bytes()]
        return {path.relative_to(own_server.folder).parts[0] for path in found}

    with PostgresStore(own_server.address) as store:
        seen = [
            sighting(name, row, embeddings=unit(rng.random((1, 64))))
            for row, name in enumerate(pictures, 1)
        ]
        store.write(seen, crops=pictures)
        assert store.crops(["a", "b", "c"]) == pictures
        assert not any(places(picture[500:516]) for picture in pictures.values())
        with psycopg.connect(own_server.address) as admin:
            keys = admin.execute("SELECT key FROM reid_gallery.crop_keys ORDER BY 1").fetchall()
        assert len(keys) == 3
        assert all("base" in places(key) for (key,) in keys)
        assert "base" in places(embedding := seen[1].embeddings.astype(">f2").tobytes()[:64]) or (
            "base" in places(embedding := seen[1].embeddings.astype("<f2").tobytes()[:64])
        )
        assert store.forget(1) == 1
        assert sum("base" in places(key) for (key,) in keys) == 2
        assert store.crops(["a", "b", "c"]) == {name: pictures[name] for name in "bc"}
        assert store.purge() == 2
        assert not any("base" in places(key) for (key,) in keys)
        assert "base" not in places(embedding)
        assert store.info().sightings == store.info().events == store.info().crops == 0


def test_pictures_of_an_earlier_version_are_read(postgres: Server, schema: str) -> None:
    import psycopg

    with PostgresStore(postgres.address, schema=schema) as store:
        store.write([sighting("a", 1)])
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f'DROP TABLE "{schema}".crop_keys')
        admin.execute(
            f"INSERT INTO \"{schema}\".crops SELECT number, 'old' FROM "  # noqa: S608
            f'"{schema}".sightings'
        )
    with PostgresStore(postgres.address, schema=schema) as store:
        assert store.crops(["a"]) == {"a": b"old"}
        store.write(crops={"a": b"new"})
        assert store.crops(["a"]) == {"a": b"new"}


def test_a_server_that_goes_away_and_returns(own_server: Server) -> None:
    with PostgresStore(own_server.address) as store:
        store.write([sighting("before", 1)])
        own_server.kill()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match="is not available") as caught:
                store.write([sighting("lost", 2)])
            assert "\n" not in str(caught.value)
        with GalleryWriter(store, first_wait_s=0.05) as writer:
            writer.put([sighting("meanwhile", 3)], [EventRecord("m", "merge", 3, 0.0, (1,))])
            assert not writer.flush(timeout_s=0.2)
            assert "is not available" in writer.away
            own_server.start()
            assert writer.flush(timeout_s=60)
        assert identities(store) == {"before": 3, "meanwhile": 3}
        assert store.nearest(person(3), model=MODEL, k=1)[0].sighting.id == "meanwhile"


def test_a_connection_that_is_cut(postgres: Server, schema: str) -> None:
    """The call that meets it fails, and the next one has a new connection."""
    import psycopg

    with PostgresStore(postgres.address, schema=schema) as store:
        store.write([sighting("a", 1)])
        with psycopg.connect(postgres.address, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE application_name = 'reid-tracker'"
            )
        with pytest.raises(StoreUnavailableError):
            store.write([sighting("b", 2)])
        store.write([sighting("b", 2)])
        assert identities(store) == {"a": 1, "b": 2}


def test_machines_that_start_together(postgres: Server, schema: str) -> None:
    """Tables are made once, numbers given out once, and one model wins."""
    failures: list[BaseException] = []
    numbers: list[int] = []
    models: list[str] = []

    def work(machine: int) -> None:
        model = (MODEL, OTHER_MODEL)[machine % 2]
        try:
            with PostgresStore(postgres.address, schema=schema) as store:
                for _ in range(10):
                    numbers.extend(store.reserve_identities(3))
                try:
                    store.write([sighting(f"m{machine}", machine + 1, model=model)])
                    models.append(model)
                except ModelMismatchError:
                    pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(machine,)) for machine in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(numbers) == len(set(numbers)) == 180
    assert len(models) == 3
    assert len(set(models)) == 1


def test_another_machine_sees_it(postgres: Server, schema: str) -> None:
    with (
        PostgresStore(postgres.address, schema=schema) as one,
        PostgresStore(postgres.address, schema=schema) as other,
    ):
        one.write([sighting("a", 1)])
        assert identities(other) == {"a": 1}
        other.purge()
        one.write([sighting("b", 1, model=OTHER_MODEL)])
        assert other.info().model == OTHER_MODEL


def test_searches_use_the_index_on_camera_and_time(postgres: Server, schema: str) -> None:
    """So that the time of a filtered search does not grow with the gallery."""
    import psycopg

    random = np.random.default_rng(0)
    with PostgresStore(postgres.address, schema=schema) as store:
        store.write(
            [
                sighting(f"s{row}", 1, f"c{row % 20}", start_s=row, end_s=row + 5)
                for row in random.permutation(4000).tolist()
            ]
        )
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f'SET search_path TO "{schema}", public')
        admin.execute("ANALYZE")
        plan = admin.execute(
            "EXPLAIN SELECT number FROM sightings WHERE camera = 'c3' AND end_s >= 1000 "
            "AND start_s >= 995 AND start_s <= 1100"
        ).fetchall()
    assert "sightings_camera_start_s_idx" in str(plan)
