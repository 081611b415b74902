"""Autograd functions over the kernels.

Activations are bfloat16 (N, C, H, W) in channels-last order. Batch statistics are those of all
processes, as in `reid_tracker.train.loop.distributed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that every PyTorch reader knows

from reid_tracker.train.fused.build import load_kernels


@dataclass(frozen=True, eq=False)
class Statistics:
    """Mean and deviation of a batch, by channel.

    Attributes:
        mean: (C,) float64.
        inverse: (C,) float64, 1 / sqrt(variance + eps).
        count: number of values per channel, in all processes.
        affine: (2, C) float32: the batch norm as a factor and a summand.
    """

    mean: Tensor
    inverse: Tensor
    count: int
    affine: Tensor

    @classmethod
    def take(cls, norm: nn.BatchNorm2d, sums: Tensor, count: int) -> Statistics:
        """Finish the sums of this process's batch, and update the norm's running statistics.

        Args:
            norm: in train mode.
            sums: (2, C) float64 of values and squares.
            count: values per channel in this process.
        """
        sums, count = _of_all_processes(sums, count)
        mean = sums[0] / count
        variance = (sums[1] / count - mean.square()).clamp_min(0)
        inverse = (variance + norm.eps).rsqrt()
        scale = norm.weight.detach().double() * inverse
        affine = torch.stack([scale, norm.bias.detach().double() - mean * scale]).float()
        _remember(norm, mean, variance, count)
        return cls(mean, inverse, count, affine)

    def backward(self, weight: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return what the gradient of a batch norm needs.

        Args:
            weight: (C,) of the norm.
            sums: (2, C) float64 of g and g z in this process, see kernels.cpp.

        Returns:
            Factors (3, C) float32 with dz = f0 g + f1 z + f2, and this process's gradients of
            weight and bias, (C,) float32 each.
        """

        def gradients(sums: Tensor) -> tuple[Tensor, Tensor]:
            return (sums[1] - self.mean * sums[0]) * self.inverse, sums[0]

        of_weight, of_bias = gradients(_of_all_processes(sums, 0)[0])
        first = weight.detach().double() * self.inverse
        second = -first * self.inverse * of_weight / self.count
        third = -first * of_bias / self.count - second * self.mean
        factors = torch.stack([first, second, third]).float()
        # DDP averages gradients of parameters over the processes itself.
        own_weight, own_bias = gradients(sums)
        return factors, own_weight.float(), own_bias.float()


class NormRelu(torch.autograd.Function):
    """Batch norm and, if asked for, ReLU."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd takes no keywords
        ctx: Any, z: Tensor, weight: Tensor, bias: Tensor, norm: nn.BatchNorm2d, relu: bool
    ) -> Tensor:
        """Return the normalised values."""
        kernels, z = _kernels(), _channels_last(z)
        channels = z.shape[1]
        sums = kernels.batch_sums(z, channels)
        found = Statistics.take(norm, sums, z.numel() // channels)
        ctx.relu, ctx.found = relu, found
        ctx.save_for_backward(z, weight)
        normal: Tensor = kernels.normalise(z, found.affine, None, relu, channels)
        return normal

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments."""
        kernels, dy = _kernels(), _channels_last(dy)
        z, weight = ctx.saved_tensors
        affine, channels = ctx.found.affine, z.shape[1]
        sums = kernels.gradient_sums(dy, z, affine, None, ctx.relu, channels)
        factors, dweight, dbias = ctx.found.backward(weight, sums)
        dz = kernels.norm_backward(dy, z, affine, factors, ctx.relu, channels)
        return dz, dweight, dbias, None, None


class PointwiseNormRelu(torch.autograd.Function):
    """1x1 convolution, batch norm, and, if asked for, a residual and ReLU."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd takes no keywords
        ctx: Any,
        x: Tensor,
        convolution: Tensor,
        weight: Tensor,
        bias: Tensor,
        residual: Tensor | None,
        norm: nn.BatchNorm2d,
        relu: bool,
    ) -> Tensor:
        """Return (N, out, H, W) of (N, in, H, W); a residual is added before the ReLU."""
        kernels, x = _kernels(), _channels_last(x)
        if residual is not None:
            residual = _channels_last(residual)
        rows, sums = kernels.pointwise_forward(x, convolution.detach().flatten(1).contiguous())
        z = _image(rows, x)
        found = Statistics.take(norm, sums, len(rows))
        y: Tensor = kernels.normalise(z, found.affine, residual, relu, z.shape[1])
        ctx.relu, ctx.found, ctx.residual = relu, found, residual is not None
        ctx.save_for_backward(x, z, convolution, weight, y if residual is not None else None)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments."""
        kernels, dy = _kernels(), _channels_last(dy)
        x, z, convolution, weight, y = ctx.saved_tensors
        affine = ctx.found.affine
        sums = kernels.gradient_sums(dy, z, affine, y, ctx.relu, z.shape[1])
        factors, dweight, dbias = ctx.found.backward(weight, sums)
        matrix = convolution.detach().flatten(1).contiguous()
        dx, dmatrix, *rest = kernels.pointwise_backward(
            dy, z, x, matrix, affine, factors, y, ctx.relu
        )
        dresidual = _image(rest[0], x) if rest else None
        of_convolution = dmatrix.view_as(convolution)
        return _image(dx, x), of_convolution, dweight, dbias, dresidual, None, None


class LiteNormRelu(torch.autograd.Function):
    """The Lite 3x3 layer: 1x1 convolution, depthwise 3x3 convolution, batch norm, ReLU."""

    @staticmethod
    def forward(  # noqa: PLR0917 - autograd takes no keywords
        ctx: Any,
        x: Tensor,
        pointwise: Tensor,
        depthwise: Tensor,
        weight: Tensor,
        bias: Tensor,
        norm: nn.BatchNorm2d,
    ) -> Tensor:
        """Return (N, C, H, W) of the same shape."""
        kernels, x = _kernels(), _channels_last(x)
        images, channels, height, width = x.shape
        first, second = _lite_weights(pointwise, depthwise)
        z, sums = kernels.lite_forward(x, first, second, images, height, width)
        found = Statistics.take(norm, sums, x.numel() // channels)
        ctx.found = found
        ctx.save_for_backward(x, z, pointwise, depthwise, weight)
        y: Tensor = kernels.normalise(z, found.affine, None, True, channels)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the arguments."""
        kernels, dy = _kernels(), _channels_last(dy)
        x, z, pointwise, depthwise, weight = ctx.saved_tensors
        images, channels, height, width = x.shape
        affine = ctx.found.affine
        sums = kernels.gradient_sums(dy, z, affine, None, True, channels)
        factors, dweight, dbias = ctx.found.backward(weight, sums)
        first, second = _lite_weights(pointwise, depthwise)
        dx, dfirst, dsecond = kernels.lite_backward(
            dy, z, x, first, second, affine, factors, images, height, width
        )
        dpointwise, ddepthwise = dfirst.view_as(pointwise), dsecond.view_as(depthwise)
        return dx, dpointwise, ddepthwise, dweight, dbias, None


class GatedSum(torch.autograd.Function):
    """The unified aggregation gate over T streams."""

    @staticmethod
    def forward(
        ctx: Any, fc1: Tensor, bias1: Tensor, fc2: Tensor, bias2: Tensor, *streams: Tensor
    ) -> Tensor:
        """Return (N, C, H, W), the sum of the streams, each times its gate."""
        kernels, parts = _kernels(), [_channels_last(stream) for stream in streams]
        images, channels, height, width = parts[0].shape
        sums = kernels.pixel_sums(parts, None, images, channels)
        # The gate itself is small: PyTorch computes it, forward and backward.
        pooled = (sums / (height * width)).requires_grad_()
        weights = [part.detach().float().requires_grad_() for part in (fc1, bias1, fc2, bias2)]
        with torch.enable_grad(), torch.autocast("cpu", enabled=False):
            hidden = F.relu(F.linear(pooled, weights[0].flatten(1), weights[1]))
            gates = F.linear(hidden, weights[2].flatten(1), weights[3]).sigmoid()
        ctx.gates, ctx.leaves = gates, [pooled, *weights]
        ctx.save_for_backward(*parts)
        merged: Tensor = kernels.gated_sum(parts, gates.detach())
        return merged

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, ...]:
        """Return the gradients of the arguments."""
        kernels, dy, parts = _kernels(), _channels_last(dy), list(ctx.saved_tensors)
        images, channels, height, width = dy.shape
        dgates = kernels.pixel_sums(parts, dy, images, channels)
        dpooled, *dweights = torch.autograd.grad(ctx.gates, ctx.leaves, dgates)
        added = (dpooled / (height * width)).contiguous()
        return (*dweights, *kernels.gate_backward(dy, ctx.gates.detach(), added))


def _of_all_processes(sums: Tensor, count: int) -> tuple[Tensor, int]:
    """Add up sums over the processes of a distributed run, whose batches have equal sizes."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return sums, count
    total = sums.clone()
    torch.distributed.all_reduce(total)
    return total, count * torch.distributed.get_world_size()


@torch.no_grad()
def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Update the running statistics, with the unbiased variance as batch norm does."""
    momentum = cast(float, norm.momentum)
    cast(Tensor, norm.num_batches_tracked).add_(1)
    cast(Tensor, norm.running_mean).lerp_(mean.float(), momentum)
    unbiased = variance * (count / max(count - 1, 1))
    cast(Tensor, norm.running_var).lerp_(unbiased.float(), momentum)


def _kernels() -> Any:
    """Return the kernels, which were there when the net was fused."""
    return load_kernels()


def _channels_last(images: Tensor) -> Tensor:
    return images.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def _image(rows: Tensor, like: Tensor) -> Tensor:
    """Shape (N * H * W, C) rows as (N, C, H, W) in channels-last order."""
    images, _, height, width = like.shape
    return rows.view(images, height, width, -1).permute(0, 3, 1, 2)


def _lite_weights(pointwise: Tensor, depthwise: Tensor) -> tuple[Tensor, Tensor]:
    return pointwise.detach().flatten(1).contiguous(), depthwise.detach().flatten(1).contiguous()
