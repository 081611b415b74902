"""A network at a few fixed batch sizes, which CUDA replays as graphs; elsewhere it simply runs.

A small network is bound by the host, which starts hundreds of kernels a batch. A CUDA graph starts
them all at once, but holds one batch size. So batches are padded to the next of a few sizes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from reid_tracker.device.transfer import SideStream

logger = logging.getLogger(__name__)

BUCKETS = (8, 16, 32, 64, 128, 256, 512)
"""Batch sizes; a larger batch is run in parts of the last."""

_WARM_UPS = 3  # cuDNN chooses its kernels in the first runs

Net = Callable[[torch.Tensor], torch.Tensor]


def bucket(count: int) -> int:
    """Return the smallest size that holds `count`, or the largest there is."""
    return next((size for size in BUCKETS if size >= count), BUCKETS[-1])


class GraphedNet:
    """Runs a network on batches of the sizes in `BUCKETS`.

    Args:
        net: maps (M, ...) to (M, D), without waiting for the device.
        device: where it runs; only on CUDA are graphs captured.
    """

    def __init__(self, net: Net, device: torch.device) -> None:
        self._net = net
        self._device = device
        self._captures = device.type == "cuda" and torch.cuda.is_available()
        self._graphs: dict[tuple[int, ...], tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]]
        self._graphs = {}

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Run the network.

        Args:
            images: (M, ...); M is a size of `BUCKETS` for a graph to be used.

        Returns:
            (M, D).
        """
        if not self._captures or len(images) not in BUCKETS:
            return self._net(images)
        shape = tuple(images.shape)
        if shape not in self._graphs:
            try:
                self._graphs[shape] = self._capture(images)
            except RuntimeError as error:  # an operation that cannot be captured
                logger.warning("running without CUDA graphs: %s", str(error).splitlines()[0])
                self._captures = False
                return self._net(images)
        graph, given, rows = self._graphs[shape]
        given.copy_(images)
        graph.replay()
        return rows.clone()  # the next replay overwrites them

    def _capture(
        self, images: torch.Tensor
    ) -> tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]:
        given = images.clone()
        side = SideStream(self._device)
        side.wait(side.compute_mark())
        with side.use():
            for _ in range(_WARM_UPS):
                self._net(given)
        side.before_compute()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.device(self._device), torch.cuda.graph(graph):
            rows = self._net(given)
        return graph, given, rows
