"""A GPU that is not there: torch's fake tensors, whose devices and shapes are real.

Fake tensors carry no numbers. An operation that mixes devices fails as on a GPU, and so does one
whose shape depends on the data, for which the host would have to wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "item", "unique", "equal")
"""Operators for which the host waits for the device."""


class Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes each operator with the devices that it reads and writes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[str, set[str], set[str]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        done = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        self.calls.append((name, _devices((args, kwargs)), _devices(done)))
        return done

    def to_host(self, device: str) -> list[str]:
        """Return the operators that copied from a device to the host."""
        return [
            name
            for name, read, wrote in self.calls
            if device in read and (wrote == {"cpu"} or (name == "copy_" and "cpu" in wrote))
        ]

    def to_device(self, device: str) -> list[str]:
        """Return the operators that copied from the host to a device."""
        copies = ("copy_", "_to_copy", "to")
        return [n for n, read, wrote in self.calls if n in copies and "cpu" in read - wrote]

    def waits(self) -> list[str]:
        """Return the operators for which the host waits."""
        return [name for name, _, _ in self.calls if name in WAITS]

    def devices(self) -> set[str]:
        """Return all devices that anything was written to."""
        return set().union(*(wrote for _, _, wrote in self.calls))


def _devices(value: Any) -> set[str]:
    if isinstance(value, torch.Tensor):
        return {str(value.device)}
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return set().union(*map(_devices, value))
    return set()


@contextmanager
def fake_gpu() -> Iterator[FakeTensorMode]:
    """Pretend that all devices are here."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        yield mode


def moved(net: nn.Module, device: str) -> nn.Module:
    """Replace the weights of a network by fake ones on a device; call it under `fake_gpu`."""
    for module in net.modules():
        for name, weights in module._parameters.items():
            if weights is not None:
                there = torch.empty_like(weights, device=device)
                module._parameters[name] = nn.Parameter(there, requires_grad=False)
        for name, numbers in module._buffers.items():
            if numbers is not None:
                module._buffers[name] = torch.empty_like(numbers, device=device)
        for name in ("anchors", "strides", "stride"):  # of YOLO's head, which are no buffers
            if isinstance(getattr(module, name, None), torch.Tensor):
                there = torch.empty_like(getattr(module, name), device=device)
                setattr(module, name, there)
    return net
