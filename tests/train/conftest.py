"""Fixtures of the training tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.train.samples import write_cuhk03_crops


@pytest.fixture
def tiny_data(tmp_path: Path) -> Path:
    """A data set of eight people of two colours each, seen by two cameras."""
    return write_cuhk03_crops(tmp_path / "data")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Run on one thread: the tests compare bits, and the nets are tiny."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
