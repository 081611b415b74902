"""Chooses the device and the number of threads."""

from __future__ import annotations

import os

import torch

from reid_tracker.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """Return a device by name.

    Args:
        name: "auto" (CUDA if available, else the CPU), "cpu", "cuda", "cuda:1", "mps".

    Raises:
        ConfigError: the device is not available.
    """
    if name == "auto":
        # torchrun gives each process on a machine a number, which selects its GPU.
        gpu = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        return torch.device(gpu if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"--device {name}: not available here ({reason})") from None
    return device


def limit_threads(count: int) -> None:
    """Set the number of CPU threads.

    Raises:
        ConfigError: the count is not positive.
    """
    if count < 1:
        raise ConfigError(f"--threads {count}: expected at least 1")
    torch.set_num_threads(count)
