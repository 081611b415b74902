"""Connections to PostgreSQL with pgvector: tables, time limits and errors."""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from reid_tracker.errors import (
    ConfigError,
    MissingDependencyError,
    StoreError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from psycopg import Connection

_FORMAT = 1

_TABLES = """
CREATE TABLE state (
    only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    format integer NOT NULL,
    next_identity bigint NOT NULL DEFAULT 1,
    longest_s double precision NOT NULL DEFAULT 0
);
CREATE TABLE models (
    number smallint PRIMARY KEY DEFAULT 1 CHECK (number = 1),
    hash text NOT NULL,
    embedding_size integer NOT NULL
);
CREATE TABLE sightings (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    identity bigint NOT NULL,
    camera text NOT NULL,
    site text NOT NULL,
    start_s double precision NOT NULL,
    end_s double precision NOT NULL,
    quality double precision NOT NULL,
    model smallint NOT NULL DEFAULT 1 REFERENCES models,
    stored_s double precision NOT NULL
);
CREATE INDEX ON sightings (identity, start_s);
CREATE INDEX ON sightings (camera, start_s);
CREATE INDEX ON sightings (start_s);
CREATE INDEX ON sightings (stored_s);
CREATE TABLE vectors (
    sighting bigint NOT NULL REFERENCES sightings ON DELETE CASCADE,
    view smallint NOT NULL,
    embedding halfvec NOT NULL,
    PRIMARY KEY (sighting, view)
);
CREATE TABLE crops (
    sighting bigint PRIMARY KEY REFERENCES sightings ON DELETE CASCADE,
    picture bytea NOT NULL
);
CREATE TABLE events (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    kind text NOT NULL,
    identity bigint NOT NULL,
    time_s double precision NOT NULL,
    previous bigint[] NOT NULL,
    sightings text[] NOT NULL,
    reason text NOT NULL,
    score double precision NOT NULL,
    stored_s double precision NOT NULL
);
CREATE TABLE deletions (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    time_s double precision NOT NULL,
    what text NOT NULL,
    sightings bigint NOT NULL
);
"""

# Galleries of earlier versions have no keys, and pictures that are not encrypted.
_KEYS = """
CREATE TABLE IF NOT EXISTS crop_keys (
    sighting bigint PRIMARY KEY REFERENCES crops ON DELETE CASCADE,
    key bytea NOT NULL
)
"""

# Numbers the changes of sightings. Sightings of earlier versions keep 0 until they change.
_CHANGES = """
ALTER TABLE sightings ADD COLUMN change bigint NOT NULL DEFAULT 0;
ALTER TABLE sightings ALTER COLUMN change DROP DEFAULT;
ALTER TABLE sightings ALTER COLUMN change ADD GENERATED ALWAYS AS IDENTITY;
CREATE INDEX sightings_change ON sightings (change) WHERE change > 0
"""

_DEFAULTS = {
    # Without these, tracking would wait for minutes for a machine that has vanished.
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "reid-tracker",
}

_HOPELESS = re.compile(r"authentication|does not exist|no password supplied|pg_hba", re.IGNORECASE)


def require_psycopg() -> Any:
    """Import and return psycopg.

    Raises:
        MissingDependencyError: psycopg or pgvector is not installed.
    """
    try:
        import pgvector.psycopg  # noqa: F401
        import psycopg
    except ImportError:
        raise MissingDependencyError(
            "galleries in PostgreSQL need the packages psycopg and pgvector; install them with "
            "pip install 'reid-tracker[postgres]'"
        ) from None
    return psycopg


def place_of(address: str) -> str:
    """Return host, port and database of an address, without user and password.

    Raises:
        ConfigError: it is not the address of a PostgreSQL database.
    """
    psycopg = require_psycopg()
    try:
        parts = psycopg.conninfo.conninfo_to_dict(address)
        if "port" in parts:
            int(parts["port"])
    except (psycopg.ProgrammingError, ValueError):
        raise ConfigError(
            "the address of the gallery cannot be read; expected postgresql://USER@HOST/DATABASE"
        ) from None
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if "port" in parts else ""
    return f"postgresql://{host}{port}/{parts.get('dbname', '')}"


def connect(address: str, place: str, schema: str, limit_s: float | None = None) -> Connection[Any]:
    """Connect to a database and create the tables if they do not exist.

    Checking the tables may take `limit_s`; None waits forever.

    Raises:
        StoreUnavailableError: the server does not answer.
        StoreError: the server refuses, has no pgvector, or holds tables of another version.
    """
    psycopg = require_psycopg()
    with postgres_errors(place):
        given = psycopg.conninfo.conninfo_to_dict(address)
        connection: Connection[Any] = psycopg.connect(**(_DEFAULTS | given), autocommit=True)
        try:
            with broken_after(connection, limit_s):
                _prepare(connection, place, schema)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def broken_after(connection: Connection[Any], limit_s: float | None) -> Iterator[None]:
    """Break the connection if the block takes longer than the limit; None sets no limit.

    A frozen server keeps its connections open, so neither its own statement_timeout nor TCP would
    end the wait.
    """
    if limit_s is None:
        yield
        return
    timer = threading.Timer(limit_s, _break, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _break(connection: Connection[Any]) -> None:
    psycopg = require_psycopg()
    # A copy, because closing it must leave libpq its own. A reader of that sees an end of file.
    with (
        suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def postgres_errors(place: str) -> Iterator[None]:
    """Turn psycopg's errors into errors of the gallery, without any part of the address."""
    psycopg = require_psycopg()
    try:
        yield
    except psycopg.Error as error:
        text = error.diag.message_primary or " ".join(str(error).split())
        away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        if away and not _HOPELESS.search(text):
            raise StoreUnavailableError(
                f"the gallery {place} is not available ({text[:200]}); check the server and the "
                "network"
            ) from None
        if away:
            raise StoreError(
                f"the gallery {place} refuses: {text[:200]}; check user, password (~/.pgpass or "
                "PGPASSWORD) and database"
            ) from None
        raise StoreError(f"the gallery {place}: {text[:200]}") from None


def _prepare(connection: Connection[Any], place: str, schema: str) -> None:
    import psycopg
    from pgvector.psycopg import register_vector
    from psycopg import sql

    with connection.transaction():
        # Machines that start together create the tables one after the other.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"reid {schema}",))
        _require_pgvector(connection, place)
        name = sql.Identifier(schema)
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        connection.execute(sql.SQL("SET search_path TO {}, public").format(name))
        # Compiling these queries takes longer than running them.
        connection.execute("SET jit = off")
        found = connection.execute("SELECT to_regclass(%s)", (f'"{schema}".state',)).fetchone()
        if found is None or found[0] is None:
            connection.execute(_TABLES)
            connection.execute("INSERT INTO state (format) VALUES (%s)", (_FORMAT,))
        if connection.execute("SELECT to_regclass('crop_keys')").fetchone() == (None,):
            connection.execute(_KEYS)
        if not numbers_changes(connection):
            # Another role may own the tables; then searches compare everything.
            with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(_CHANGES)
        (version,) = connection.execute("SELECT format FROM state").fetchone() or (None,)
        if version != _FORMAT:
            raise StoreError(
                f"{place} has a gallery of format {version}, this version of reid-track reads "
                f"format {_FORMAT}; export it with the version that wrote it, then import the file"
            )
    register_vector(connection)


def numbers_changes(connection: Connection[Any]) -> bool:
    """Tell whether changes of sightings are numbered, which an index of them needs."""
    statement = (
        "SELECT 1 FROM pg_attribute WHERE attrelid = 'sightings'::regclass AND attname = 'change'"
    )
    return connection.execute(statement).fetchone() is not None


def _require_pgvector(connection: Connection[Any], place: str) -> None:
    import psycopg

    if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
        return
    try:
        connection.execute("CREATE EXTENSION vector")
    except psycopg.errors.InsufficientPrivilege:
        raise StoreError(
            f"{place} has not enabled pgvector; ask its administrator for: CREATE EXTENSION vector"
        ) from None
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
        raise StoreError(
            f"{place} has no pgvector; install it on the server (github.com/pgvector/pgvector)"
        ) from None
