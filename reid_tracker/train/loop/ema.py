"""A moving average of a net's weights, which generalises better than the last weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of parameters and batch statistics.

    The decay grows from 0 to its value, as (1 + updates) / (10 + updates), so that the random
    first weights are soon forgotten.

    Args:
        net: its weights are where the average starts.
        decay: what is kept of the average at each update.

    Attributes:
        net: a net with the averaged weights, in eval mode.
        updates: number of updates so far.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, net: nn.Module) -> None:
        """Move the average towards the weights of `net`; counters are copied."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        average, current = self.net.state_dict(), net.state_dict()
        smooth = [name for name, value in average.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [average[name] for name in smooth], [current[name] for name in smooth], 1 - decay
        )
        for name in average.keys() - set(smooth):
            average[name].copy_(current[name])
