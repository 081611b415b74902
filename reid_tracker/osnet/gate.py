"""Aggregation of streams: the unified gate, and the alternatives of the paper's ablation study.

Every module maps T stream outputs, each (B, C, H, W) float32, to one tensor. The published nets use
`UnifiedGate`.
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
"""The hidden layer of a gate has C // 16 channels, at least 1."""

Aggregation = Literal["unified", "stream", "separate", "fixed", "add", "concat"]
"""How streams are merged.

* unified: one gate for all streams, one weight per channel (the paper's choice).
* stream: one gate for all streams, one weight per stream.
* separate: one gate per stream, one weight per channel.
* fixed: learned weights that do not depend on the input.
* add: plain sum.
* concat: concatenated channels, (B, T*C, H, W); the last 1x1 convolution of the block reduces them.
"""


class UnifiedGate(nn.Module):
    """The unified aggregation gate: the sum over t of G(x_t) * x_t.

    G is global average pooling, two 1x1 convolutions with a ReLU between them, and a sigmoid. All
    streams share its parameters.

    Args:
        channels: C of each stream.
        weights: weights per stream: C for a channel-wise gate, 1 for a stream-wise gate.
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
    """Ablation: every stream has its own gate."""

    def __init__(self, channels: int, streams: int) -> None:
        super().__init__(UnifiedGate(channels, channels) for _ in range(streams))

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        return _total([gate([stream]) for gate, stream in zip(self, streams, strict=True)])


class FixedGates(nn.Module):
    """Ablation: learned weights that are equal for all images.

    `logits` is (T, C, 1, 1); a sigmoid keeps the weights in (0, 1), as in a real gate.
    """

    def __init__(self, channels: int, streams: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(streams, channels, 1, 1))

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        weights = torch.sigmoid(self.logits)
        return _total([weight * stream for weight, stream in zip(weights, streams, strict=True)])


class Addition(nn.Module):
    """Ablation: the unweighted sum of the streams."""

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        return _total(streams)


class Concatenation(nn.Module):
    """Ablation: the streams are concatenated in the channel dimension."""

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of (B, T*C, H, W)."""
        return torch.cat(list(streams), dim=1)


def build_gate(channels: int, streams: int, aggregation: Aggregation) -> nn.Module:
    """Build the module that merges `streams` tensors of `channels` channels."""
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
    # sum() would add its start value 0 to an exported graph.
    return reduce(add, tensors)
