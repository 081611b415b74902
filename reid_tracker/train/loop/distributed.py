"""Distributed training: losses and batch statistics over all processes.

torchrun starts the processes and sets the environment; without it there is one process. Every
process works on its part of each batch.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")

_PATIENCE = timedelta(hours=3)
"""Time for which processes wait for the first one, which runs teachers and validation."""


@dataclass(frozen=True)
class World:
    """The processes of a run.

    Attributes:
        rank: number of this process, from 0; only 0 writes files.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def gather(self, rows: Tensor) -> Tensor:
        """Join the rows of all processes, in order of rank; gradients flow back to each.

        Every process must compute the same loss from the result. Then the mean of its gradients
        over the processes, as DDP computes it, is the gradient of the loss.
        """
        if self.size == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows)
        return gathered

    def first_alone(self, make: Callable[[], T]) -> T:
        """Call a function in the first process, then in the others.

        The first one writes files that the others read.
        """
        if self.size == 1:
            return make()
        made = make() if self.is_main else None
        torch.distributed.barrier()
        return make() if made is None else made

    def wrap(self, net: nn.Module, *, partly: bool = False) -> nn.Module:
        """Return the net to train, with batch statistics and gradients over all processes.

        Args:
            net: its batch norms are changed in place.
            partly: whether some steps train only a part of the net.
        """
        if self.size == 1:
            return net
        share_batch_statistics(net)
        return DistributedDataParallel(net, find_unused_parameters=partly)


def join_world(device: torch.device) -> World:
    """Join the process group of torchrun, or return a world of one process."""
    if "RANK" not in os.environ or "WORLD_SIZE" not in os.environ:
        return World()
    if not torch.distributed.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        torch.distributed.init_process_group(backend, timeout=_PATIENCE)
    return World(torch.distributed.get_rank(), torch.distributed.get_world_size())


class _Gather(torch.autograd.Function):
    """Rows of all processes; their gradients are summed over the processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(parts, rows.contiguous())
        ctx.count = len(rows)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        torch.distributed.all_reduce(total)
        return total[torch.distributed.get_rank() * ctx.count :][: ctx.count]


class _Mean(torch.autograd.Function):
    """Mean over all processes; gradients are also averaged over the processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _Mean._average(values)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _Mean._average(gradient)

    @staticmethod
    def _average(values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total / torch.distributed.get_world_size()


def _mean_of_all(values: Tensor) -> Tensor:
    mean: Tensor = _Mean.apply(values)
    return mean


def share_batch_statistics(net: nn.Module) -> None:
    """Make every batch norm of a net use the mean and variance of all processes' images.

    PyTorch's SyncBatchNorm does this on CUDA only; this works on every device. Modules are changed
    in place, and keep their names and tensors.
    """
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.__class__ = _SHARED[type(module)]  # type: ignore[assignment]


_SHORT = (torch.bfloat16, torch.float16)


class _SharedStatistics(nn.modules.batchnorm._BatchNorm):
    """Batch norm over all processes in train mode; plain batch norm in eval mode."""

    def forward(self, images: Tensor) -> Tensor:
        """Normalise (B, C, ...)."""
        if not self.training:
            return super().forward(images)
        values = images.float() if images.dtype in _SHORT else images
        dims = [0, *range(2, images.ndim)]
        shape = [1, -1] + [1] * (images.ndim - 2)
        size = torch.distributed.get_world_size()
        mean = _mean_of_all(values.mean(dims))
        centred = values - mean.view(shape)
        variance = _mean_of_all(centred.square().mean(dims))
        self._remember(mean.detach(), variance.detach(), values.numel() // values.shape[1] * size)
        scale = self.weight * (variance + self.eps).rsqrt()
        normal: Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normal.to(images.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics, with the unbiased variance as batch norm does."""
        momentum = cast(float, self.momentum)
        cast(Tensor, self.num_batches_tracked).add_(1)
        cast(Tensor, self.running_mean).lerp_(mean, momentum)
        unbiased = variance * (count / max(count - 1, 1))
        cast(Tensor, self.running_var).lerp_(unbiased, momentum)


class _SharedBatchNorm1d(_SharedStatistics, nn.BatchNorm1d):
    """`nn.BatchNorm1d` over all processes."""


class _SharedBatchNorm2d(_SharedStatistics, nn.BatchNorm2d):
    """`nn.BatchNorm2d` over all processes."""


_SHARED: dict[type[nn.Module], type[nn.Module]] = {
    nn.BatchNorm1d: _SharedBatchNorm1d,
    nn.BatchNorm2d: _SharedBatchNorm2d,
}
