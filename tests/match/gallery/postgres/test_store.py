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
from tests.match.gallery.samples import MODEL, OTHER_MODEL, identities, person, sighting
from tests.match.gallery.server import Server, start_or_skip


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex}"


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that a test may kill."""
    server = start_or_skip()
    yield server
    server.stop()


@pytest.mark.slow
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
