from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

SHARED_ONNX = Path(__file__).parents[3] / "shared" / "weights" / "osnet_x0_25_msmt17.onnx"


@pytest.fixture(autouse=True)
def single_thread_and_seed() -> Iterator[None]:
    """Small tensors: more threads only wait for each other on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def shared_onnx() -> Path:
    if not SHARED_ONNX.is_file():
        pytest.skip(f"needs {SHARED_ONNX}")
    return SHARED_ONNX
