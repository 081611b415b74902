from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
import torch

from reid_tracker.train.fused.build import load_kernels, missing_features


@pytest.fixture(autouse=True)
def one_thread_with_kernels(request: pytest.FixtureRequest) -> Iterator[None]:
    """The kernels run on one thread; compiled on first use, which takes a minute."""
    if request.node.get_closest_marker("slow") is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    lacking = missing_features() or ("" if shutil.which("c++") else "there is no C++ compiler")
    if lacking:
        torch.set_num_threads(threads)
        pytest.skip(lacking)
    load_kernels.cache_clear()
    assert load_kernels() is not None
    yield
    torch.set_num_threads(threads)
