"""Two sequences with their results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluate.mot.worlds import write_sequence


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with the sequences one and two, and their results."""
    pytest.importorskip("trackeval")
    for seed, name in enumerate(("one", "two")):
        write_sequence(tmp_path, name, seed)
    return tmp_path
