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
        net: the net in training; the average starts from its weights.
        decay: share of the average that each update keeps.

    Attributes:
        net: a net with the averaged weights, in eval mode.
        updates: number of updates so far.
    """

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.net = copy.deepcopy(net).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0
        # The tensors stay the same objects throughout a run; collecting them each time would take
        # longer than a step of a small net on a GPU.
        pairs = list(zip(self.net.state_dict().values(), net.state_dict().values(), strict=True))
        self._smooth = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights of the net in training; counters are copied."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        average, current = zip(*self._smooth, strict=True)
        torch._foreach_lerp_(average, current, 1 - decay)
        for kept, counter in self._counters:
            kept.copy_(counter)
