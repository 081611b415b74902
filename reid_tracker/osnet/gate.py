"""How a block merges its streams: the unified aggregation gate and the paper's alternatives to it.

Every module here maps T stream outputs, each (B, C, H, W) float32, to one merged tensor. The
published nets have `UnifiedGate`; the others reproduce the ablation study of the OSNet paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

GATE_REDUCTION = 16
"""The gate's hidden layer has C // 16 channels, at least one."""

Aggregation = Literal["unified", "stream", "separate", "fixed", "add", "concat"]
"""How streams are merged.

* unified: one gate for all streams, one weight per channel (the paper's choice).
* stream: one gate for all streams, one weight per stream.
* separate: one gate per stream, one weight per channel.
* fixed: weights are learned parameters that do not depend on the input.
* add: plain sum.
* concat: channels side by side, (B, T*C, H, W); the block's closing 1x1 convolution reduces them.
"""


class UnifiedGate(nn.Module):
    """The unified aggregation gate: the sum over t of G(x_t) * x_t.

    G is global average pooling, two 1x1 convolutions with a ReLU between them, and a sigmoid. Its
    parameters are shared by all streams, so that the gradient of every stream guides one gate.

    Args:
        channels: C of each stream.
        weights: weights per stream; C for a channel-wise gate, 1 for a stream-wise one.
    """

    def __init__(self, channels: int, weights: int) -> None:
        super().__init__()
        hidden = max(channels // GATE_REDUCTION, 1)
        self.fc1 = nn.Conv2d(channels, hidden, 1)
        self.fc2 = nn.Conv2d(hidden, weights, 1)

    def activations(self, stream: Tensor) -> Tensor:
        """Return G(x), (B, weights, 1, 1) in (0, 1), for one stream x of (B, C, H, W)."""
        pooled = F.adaptive_avg_pool2d(stream, 1)
        return torch.sigmoid(self.fc2(F.relu(self.fc1(pooled))))

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        return _total([self.activations(stream) * stream for stream in streams])


class SeparateGates(nn.ModuleList):
    """Ablation: every stream has a gate of its own."""

    def __init__(self, channels: int, streams: int) -> None:
        super().__init__(UnifiedGate(channels, channels) for _ in range(streams))

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        return _total([gate([stream]) for gate, stream in zip(self, streams, strict=True)])


class FixedGates(nn.Module):
    """Ablation: weights are learned, but the same for every image.

    `logits` is (T, C, 1, 1); the sigmoid keeps the weights in (0, 1) like those of a real gate.
    """

    def __init__(self, channels: int, streams: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(streams, channels, 1, 1))

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        weights = torch.sigmoid(self.logits)
        return _total([weight * stream for weight, stream in zip(weights, streams, strict=True)])


class Addition(nn.Module):
    """Ablation: the streams are summed without weights."""

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        return _total(streams)


class Concatenation(nn.Module):
    """Ablation: the streams lie side by side in the channel dimension."""

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of (B, T*C, H, W)."""
        return torch.cat(list(streams), dim=1)


def build_gate(channels: int, streams: int, aggregation: Aggregation) -> nn.Module:
    """Build the module that merges `streams` tensors of `channels` channels each."""
    if aggregation == "separate":
        return SeparateGates(channels, streams)
    if aggregation == "fixed":
        return FixedGates(channels, streams)
    if aggregation == "add":
        return Addition()
    if aggregation == "concat":
        return Concatenation()
    return UnifiedGate(channels, weights=1 if aggregation == "stream" else channels)


def _total(tensors: Sequence[Tensor]) -> Tensor:
    # Not sum(): its start value 0 would put a needless addition into an exported graph.
    return reduce(add, tensors)
