from __future__ import annotations

import pytest
import torch

from reid_tracker.device.graphs import BUCKETS, GraphedNet, bucket


@pytest.mark.parametrize(("count", "size"), [(0, 8), (8, 8), (9, 16), (200, 256), (9999, 512)])
def test_a_batch_gets_the_next_size(count: int, size: int) -> None:
    assert bucket(count) == size
    assert size in BUCKETS


def test_without_cuda_the_network_simply_runs() -> None:
    shapes = []

    def net(images: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(images.shape))
        return images.sum(dim=1, keepdim=True)

    graphed = GraphedNet(net, torch.device("cpu"))
    for size in (8, 16, 5):
        images = torch.rand(size, 3)
        torch.testing.assert_close(graphed(images), images.sum(dim=1, keepdim=True))
    assert shapes == [(8, 3), (16, 3), (5, 3)]
