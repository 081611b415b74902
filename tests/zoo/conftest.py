"""A server on this machine, and downloads that do not wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reid_tracker.zoo import download
from tests.zoo.samples import FILE, Case
from tests.zoo.server import Behaviour, serving


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BACK_OFF_S", 0.0)
    monkeypatch.setattr(download, "TIMEOUT_S", 5.0)


@pytest.fixture
def server() -> Iterator[Behaviour]:
    with serving(FILE) as behaviour:
        yield behaviour


@pytest.fixture
def case(tmp_path: Path, own_downloads: Path, server: Behaviour) -> Case:
    return Case(tmp_path, own_downloads, server.url)
