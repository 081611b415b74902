"""Connections to PostgreSQL that are refused: one line, without secrets."""

from __future__ import annotations

import uuid

import pytest

from reid_tracker.errors import (
    ConfigError,
    MissingDependencyError,
    ReidTrackerError,
    StoreError,
    StoreUnavailableError,
)
from reid_tracker.match.gallery.postgres.store import PostgresStore
from tests.match.gallery.server import Server


@pytest.fixture
def schema() -> str:
    return f"test_{uuid.uuid4().hex}"


def refused(address: str, kind: type[ReidTrackerError]) -> str:
    with pytest.raises(kind) as caught:
        PostgresStore(address)
    text = str(caught.value)
    assert "\n" not in text
    assert "geheim" not in text
    return text


def test_nobody_listens() -> None:
    pytest.importorskip("psycopg")
    text = refused("postgresql://me:geheim@127.0.0.1:1/people", StoreUnavailableError)
    assert "postgresql://127.0.0.1:1/people is not available" in text


@pytest.mark.slow
def test_no_such_database(postgres: Server) -> None:
    text = refused(postgres.address.replace("/postgres?", "/nowhere?"), StoreError)
    assert 'database "nowhere" does not exist' in text
    assert "PGPASSWORD" in text


@pytest.mark.parametrize(
    "address", ["postgresql://a:geheim@host:port:x/", "postgresql://h/?geheim"]
)
def test_no_address(address: str) -> None:
    pytest.importorskip("psycopg")
    assert "expected postgresql://USER@HOST/DATABASE" in refused(address, ConfigError)


@pytest.mark.slow
def test_a_user_who_may_not(postgres: Server, schema: str) -> None:
    import psycopg

    PostgresStore(postgres.address).close()  # enables pgvector
    empty = postgres.new_database()
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {schema} LOGIN PASSWORD 'geheim'")
    for address, message in (
        (postgres.address, "permission denied"),
        (empty, "has not enabled pgvector; ask its administrator for: CREATE EXTENSION vector"),
    ):
        assert message in refused(
            address.replace("//postgres:@", f"//{schema}:geheim@"), StoreError
        )


@pytest.mark.slow
def test_another_format(postgres: Server, schema: str) -> None:
    import psycopg

    PostgresStore(postgres.address, schema=schema).close()
    with psycopg.connect(postgres.address, autocommit=True) as admin:
        admin.execute(f'UPDATE "{schema}".state SET format = 99')  # noqa: S608
    with pytest.raises(StoreError, match="format 99"):
        PostgresStore(postgres.address, schema=schema)


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    text = refused("postgresql://host/people", MissingDependencyError)
    assert "pip install 'reid-tracker[postgres]'" in text
