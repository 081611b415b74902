from __future__ import annotations

import pytest
import torch

from reid_tracker.errors import ConfigError
from reid_tracker.train.loop.machine import choose_device, limit_threads


def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert choose_device("auto") == torch.device("cuda:3")


@pytest.mark.parametrize("name", ["abacus", "cuda:99"])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(ConfigError, match=f"--device {name}: not available here"):
        choose_device(name)


def test_threads() -> None:
    limit_threads(1)
    assert torch.get_num_threads() == 1
    with pytest.raises(ConfigError, match="--threads 0: expected at least 1"):
        limit_threads(0)
