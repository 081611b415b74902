"""A gallery for tests of the centre."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.store import GalleryStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[GalleryStore]:
    with EmbeddedStore(tmp_path / "gallery.sqlite") as opened:
        yield opened
