"""The building blocks of OSNet: Lite 3x3, and the residual block with T streams and one gate.

Submodule names match the published checkpoints and must not change.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_lowercase
from typing import Literal, cast, get_args

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.errors import ConfigError
from reid_tracker.osnet.gate import Aggregation, build_gate

BOTTLENECK_REDUCTION = 4
"""A block works on 1/4 of its output channels."""

BATCH_NORM_EPS = 1e-5
"""PyTorch's default, which all batch norms here have."""

MAX_STREAMS = len(ascii_lowercase)
"""Streams are named conv2a, conv2b, ..., conv2z."""

Norm = Literal["batch", "instance", "none"]

InstanceNormPlace = Literal["none", "inside", "after"]
"""Position of a block's instance norm: none, in the residual branch, or after the sum."""


@dataclass(frozen=True)
class BlockOptions:
    """Options of the paper's ablation study; the defaults are the published net.

    Attributes:
        streams: T, the number of streams.
        aggregation: how streams are merged.
        same_depth: all streams are as deep as the deepest and have the same scale.
        lite: use Lite 3x3 layers; False uses standard 3x3 convolutions.

    Raises:
        ConfigError: a value is out of range.
    """

    streams: int = 4
    aggregation: Aggregation = "unified"
    same_depth: bool = False
    lite: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.streams <= MAX_STREAMS:
            raise ConfigError(f"streams is {self.streams}, expected 1 to {MAX_STREAMS}")
        if self.aggregation not in get_args(Aggregation):
            choices = ", ".join(get_args(Aggregation))
            raise ConfigError(f"aggregation is {self.aggregation!r}, expected one of {choices}")

    @property
    def depths(self) -> list[int]:
        """Number of 3x3 layers per stream: 1, 2, ..., T; with `same_depth` always T."""
        return [self.streams if self.same_depth else t for t in range(1, self.streams + 1)]


PUBLISHED = BlockOptions()


class ConvNorm(nn.Module):
    """Convolution without bias, normalisation, and ReLU.

    Maps (B, in, H, W) to (B, out, H/stride, W/stride).

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel_size: odd kernel size; padding keeps the image size at stride 1.
        stride: stride of the convolution.
        norm: kind of normalisation; checkpoints call every kind `bn`.
        relu: whether a ReLU follows.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        norm: Norm = "batch",
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False
        )
        self.bn = _norm(norm, out_channels)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Apply convolution, normalisation and ReLU."""
        return cast(Tensor, self.relu(self.bn(self.conv(x))))


class Lite3x3(nn.Module):
    """The paper's Lite 3x3 layer: a 3x3 convolution factorised into 1x1 and 3x3 depthwise.

    The order is pointwise, depthwise, batch norm, ReLU; MobileNet puts the depthwise convolution
    first. Maps (B, C, H, W) to the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer."""
        return cast(Tensor, self.relu(self.bn(self.conv2(self.conv1(x)))))


class OSBlock(nn.Module):
    """Omni-scale residual block: x + F(x), where F merges streams of receptive field 3, 5, 7, 9.

    Maps (B, in, H, W) to (B, out, H, W). Stream t has t Lite 3x3 layers in series and thus the
    receptive field 2t + 1. Streams work on out/4 channels, between two 1x1 convolutions.

    Args:
        in_channels: input channels.
        out_channels: output channels. If they differ, the identity path has a 1x1 convolution.
        options: number and kind of streams, and how they are merged.
        instance_norm: "after" for OSNet-IBN; "inside" for OSNet-AIN, where instance norm replaces
            the batch norm after the last 1x1 convolution.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        options: BlockOptions = PUBLISHED,
        *,
        instance_norm: InstanceNormPlace = "none",
    ) -> None:
        super().__init__()
        self.instance_norm = instance_norm
        mid = out_channels // BOTTLENECK_REDUCTION
        merged = mid * options.streams if options.aggregation == "concat" else mid
        closing_norm: Norm = "none" if instance_norm == "inside" else "batch"

        self.conv1 = ConvNorm(in_channels, mid)
        self._add_streams(mid, options)
        self.gate = build_gate(mid, options.streams, options.aggregation)
        self.conv3 = ConvNorm(merged, out_channels, norm=closing_norm, relu=False)
        self.downsample = (
            ConvNorm(in_channels, out_channels, relu=False)
            if in_channels != out_channels
            else nn.Identity()
        )
        self.IN = _norm("none" if instance_norm == "none" else "instance", out_channels)

    def _add_streams(self, channels: int, options: BlockOptions) -> None:
        """Register the streams as conv2a, conv2b, ..."""
        self._stream_names = [f"conv2{letter}" for letter in ascii_lowercase[: options.streams]]
        for name, depth in zip(self._stream_names, options.depths, strict=True):
            layers = _layers(channels, depth, lite=options.lite)
            # A stream with one layer is the layer itself: conv2a.conv1, not conv2a.0.conv1.
            self.add_module(name, layers[0] if depth == 1 else layers)

    @property
    def streams(self) -> list[nn.Module]:
        """The T streams, ordered by depth."""
        return [getattr(self, name) for name in self._stream_names]

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        reduced = self.conv1(x)
        merged = self.gate([stream(reduced) for stream in self.streams])
        residual = self.conv3(merged)
        identity = self.downsample(x)
        if self.instance_norm == "inside":
            return F.relu(self.IN(residual) + identity)
        # Without instance norm, IN is the identity.
        return F.relu(self.IN(residual + identity))


class AINBlock(OSBlock):
    """OSBlock with the submodule names of OSNet-AIN checkpoints."""

    def _add_streams(self, channels: int, options: BlockOptions) -> None:
        """Register the streams as conv2.0, conv2.1, ..."""
        self.conv2 = nn.ModuleList(
            AINStream(channels, depth, lite=options.lite) for depth in options.depths
        )

    @property
    def streams(self) -> list[nn.Module]:
        """The T streams, ordered by depth."""
        return list(self.conv2)


class AINStream(nn.Module):
    """One stream of an OSNet-AIN block; `layers` contains its layers, even a single one."""

    def __init__(self, channels: int, depth: int, *, lite: bool) -> None:
        super().__init__()
        self.layers = _layers(channels, depth, lite=lite)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layers in series; (B, C, H, W) to the same shape."""
        return cast(Tensor, self.layers(x))


def _layers(channels: int, depth: int, *, lite: bool) -> nn.Sequential:
    """Return `depth` 3x3 layers that keep the number of channels."""
    if lite:
        return nn.Sequential(*(Lite3x3(channels) for _ in range(depth)))
    return nn.Sequential(*(ConvNorm(channels, channels, 3) for _ in range(depth)))


def _norm(kind: Norm, channels: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels, affine=True)
    return nn.Identity()
