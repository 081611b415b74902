"""OSNet's blocks with fused kernels in train mode; in eval mode they are the plain blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from reid_tracker.osnet.blocks import ConvNorm, Lite3x3, OSBlock
from reid_tracker.osnet.gate import UnifiedGate
from reid_tracker.train.fused.functions import (
    GatedSum,
    LiteNormRelu,
    NormRelu,
    PointwiseNormRelu,
)


def fuse(net: nn.Module) -> None:
    """Make the blocks of a net use the kernels, in place; names and tensors stay the same.

    They compute in bfloat16 under autocast. Without it, in eval mode, and where a block has
    another norm or gate, they are the plain blocks.
    """
    for module in net.modules():
        fused = _FUSED.get(type(module))
        if fused is not None:
            module.__class__ = fused


class FusedConvNorm(ConvNorm):
    """`ConvNorm` with a fused batch norm, and a fused convolution if that is 1x1."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply convolution, normalisation and ReLU."""
        if not _fusible(self.bn):
            return super().forward(x)
        relu = isinstance(self.relu, nn.ReLU)
        if self.conv.kernel_size == (1, 1):
            return self.with_residual(x, None, relu=relu)
        norm = cast(nn.BatchNorm2d, self.bn)
        made: Tensor = NormRelu.apply(self.conv(x), norm.weight, norm.bias, norm, relu)
        return made

    def with_residual(self, x: Tensor, residual: Tensor | None, *, relu: bool) -> Tensor:
        """Apply a 1x1 convolution and normalisation, add the residual, apply the ReLU."""
        norm = cast(nn.BatchNorm2d, self.bn)
        weights = (self.conv.weight, norm.weight, norm.bias)
        made: Tensor = PointwiseNormRelu.apply(x, *weights, residual, norm, relu)
        return made


class FusedLite3x3(Lite3x3):
    """`Lite3x3` as one function."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        if not _fusible(self.bn):
            return super().forward(x)
        norm = cast(nn.BatchNorm2d, self.bn)
        weights = (self.conv1.weight, self.conv2.weight, norm.weight, norm.bias)
        made: Tensor = LiteNormRelu.apply(x, *weights, norm)
        return made


class FusedGate(UnifiedGate):
    """`UnifiedGate` as one function."""

    def forward(self, streams: Sequence[Tensor]) -> Tensor:
        """Merge T tensors of (B, C, H, W) into one of the same shape."""
        by_channel = self.fc2.out_channels == self.fc1.in_channels
        if not (self.training and by_channel and _bfloat16()):
            return super().forward(streams)
        weights = (self.fc1.weight, self.fc1.bias, self.fc2.weight, self.fc2.bias)
        merged: Tensor = GatedSum.apply(*weights, *streams)
        return merged


class FusedOSBlock(OSBlock):
    """`OSBlock` whose sum with its input is fused with the last convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        if self.instance_norm != "none" or not _fusible(self.conv3.bn):
            return super().forward(x)
        reduced = self.conv1(x)
        merged = self.gate([stream(reduced) for stream in self.streams])
        last = cast(FusedConvNorm, self.conv3)
        return last.with_residual(merged, self.downsample(x), relu=True)


_FUSED: dict[type[nn.Module], type[nn.Module]] = {
    ConvNorm: FusedConvNorm,
    Lite3x3: FusedLite3x3,
    OSBlock: FusedOSBlock,
    UnifiedGate: FusedGate,
}


def _fusible(norm: nn.Module) -> bool:
    return isinstance(norm, nn.BatchNorm2d) and norm.training and _bfloat16()


def _bfloat16() -> bool:
    enabled = torch.is_autocast_enabled("cpu")
    return enabled and torch.get_autocast_dtype("cpu") == torch.bfloat16
