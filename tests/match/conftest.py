"""What the tests of galleries share: a clock of the test's own, a database, and every store."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.store import GalleryStore
from tests.conftest import Clock
from tests.match.gallery.server import Server, start_or_skip


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    server = start_or_skip()
    yield server
    server.stop()


@pytest.fixture(params=["embedded", pytest.param("postgres", marks=pytest.mark.slow)])
def open_gallery(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Callable[[], GalleryStore]:
    """Opens one gallery of each kind; once more after it was closed."""
    if request.param == "embedded":
        return lambda: EmbeddedStore(tmp_path / "gallery.sqlite", clock=clock)
    server: Server = request.getfixturevalue("postgres")
    from reid_tracker.match.gallery.postgres.store import PostgresStore

    schema = f"test_{uuid.uuid4().hex}"
    return lambda: PostgresStore(server.address, schema=schema, clock=clock)


@pytest.fixture
def store(open_gallery: Callable[[], GalleryStore]) -> Iterator[GalleryStore]:
    with open_gallery() as opened:
        yield opened
