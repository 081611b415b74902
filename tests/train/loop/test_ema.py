from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_tracker.train.loop.ema import WeightAverage


def test_average_is_the_recurrence() -> None:
    net = nn.Linear(2, 2)
    average = WeightAverage(net, 0.5)
    expected = net.weight.detach().clone()
    for step in range(12):
        with torch.no_grad():
            net.weight.normal_(generator=torch.Generator().manual_seed(step))
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * net.weight.detach()
        average.update()
    assert average.net.state_dict()["weight"].numpy() == pytest.approx(expected.numpy(), abs=1e-6)
    assert average.updates == 12


def test_batch_statistics_are_averaged_and_counters_copied() -> None:
    net = nn.BatchNorm1d(2)
    average = WeightAverage(net, 0.9)
    net(torch.randn(8, 2) + 5)
    average.update()
    kept = average.net.state_dict()
    assert kept["num_batches_tracked"].item() == 1
    assert torch.allclose(kept["running_mean"], 0.9 * net.state_dict()["running_mean"])


def test_average_does_not_train() -> None:
    average = WeightAverage(nn.Linear(2, 2).train(), 0.9)
    assert not average.net.training
    assert not any(parameter.requires_grad for parameter in average.net.parameters())
