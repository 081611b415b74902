from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from reid_tracker.osnet.blocks import (
    AINBlock,
    BlockOptions,
    ConvNorm,
    InstanceNormPlace,
    Lite3x3,
    OSBlock,
)
from reid_tracker.osnet.gate import Aggregation
from reid_tracker.osnet.network import initialise

Weights = Mapping[str, Tensor]


def randomise(block: nn.Module) -> nn.Module:
    """Give every norm layer statistics and weights that are not 0 and 1."""
    initialise(block)
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.5)
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.normal_(module.running_mean, std=0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return block.eval()


def oracle_norm(w: Weights, name: str, x: Tensor) -> Tensor:
    """Batch norm where there are statistics, instance norm where there are none."""
    mean, var = w.get(f"{name}.running_mean"), w.get(f"{name}.running_var")
    if mean is None or var is None:
        centred = x - x.mean(dim=(2, 3), keepdim=True)
        normal = centred / (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-5).sqrt()
    else:
        normal = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    return normal * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]


def oracle_lite(w: Weights, name: str, x: Tensor) -> Tensor:
    x = F.conv2d(x, w[f"{name}.conv1.weight"])
    x = F.conv2d(x, w[f"{name}.conv2.weight"], padding=1, groups=x.shape[1])
    return oracle_norm(w, f"{name}.bn", x).clamp(min=0)


def oracle_gate(w: Weights, x: Tensor) -> Tensor:
    pooled = x.mean(dim=(2, 3), keepdim=True)
    hidden = F.conv2d(pooled, w["gate.fc1.weight"], w["gate.fc1.bias"]).clamp(min=0)
    return torch.sigmoid(F.conv2d(hidden, w["gate.fc2.weight"], w["gate.fc2.bias"]))


def oracle_block(w: Weights, x: Tensor, *, ain: bool, place: InstanceNormPlace) -> Tensor:
    """The paper's equations, one at a time, on the tensors of a checkpoint."""
    reduced = F.conv2d(x, w["conv1.conv.weight"])
    reduced = oracle_norm(w, "conv1.bn", reduced).clamp(min=0)
    merged = torch.zeros_like(reduced)
    for t in (1, 2, 3, 4):
        y = reduced
        for layer in range(t):
            stream = "abcd"[t - 1]
            name = f"conv2{stream}" if t == 1 else f"conv2{stream}.{layer}"
            y = oracle_lite(w, f"conv2.{t - 1}.layers.{layer}" if ain else name, y)
        merged = merged + oracle_gate(w, y) * y
    residual = F.conv2d(merged, w["conv3.conv.weight"])
    if place != "inside":
        residual = oracle_norm(w, "conv3.bn", residual)
    else:
        residual = oracle_norm(w, "IN", residual)
    identity = x
    if "downsample.conv.weight" in w:
        identity = F.conv2d(x, w["downsample.conv.weight"])
        identity = oracle_norm(w, "downsample.bn", identity)
    total = residual + identity
    if place == "after":
        total = oracle_norm(w, "IN", total)
    return total.clamp(min=0)


@pytest.mark.parametrize("in_channels", [32, 64])
@pytest.mark.parametrize(
    ("kind", "place"),
    [(OSBlock, "none"), (OSBlock, "after"), (AINBlock, "none"), (AINBlock, "inside")],
)
def test_block_equals_the_plain_oracle(
    kind: type[OSBlock], place: InstanceNormPlace, in_channels: int
) -> None:
    block = randomise(kind(in_channels, 64, instance_norm=place)).double()
    x = torch.randn(2, in_channels, 9, 6, dtype=torch.float64)
    with torch.no_grad():
        expected = oracle_block(block.state_dict(), x, ain=kind is AINBlock, place=place)
        torch.testing.assert_close(block(x), expected, rtol=1e-10, atol=1e-10)


def test_lite_layer_has_nothing_between_its_convolutions() -> None:
    layer = randomise(Lite3x3(4))
    assert [name for name, _ in layer.named_children()] == ["conv1", "conv2", "bn", "relu"]
    x = torch.randn(1, 4, 5, 5)
    assert isinstance(layer, Lite3x3)
    between = layer.conv2(layer.conv1(x))
    torch.testing.assert_close(layer.conv2(layer.conv1(-x)), -between)  # linear up to here
    assert layer.conv1.kernel_size == (1, 1)
    assert layer.conv2.kernel_size == (3, 3)
    assert layer.conv2.groups == 4


def stream_support(stream: nn.Module, channels: int, size: int) -> int:
    """Side of the square of inputs that the middle output depends on."""
    for parameter in stream.parameters():
        nn.init.ones_(parameter)  # positive everywhere: no term cancels and no ReLU is shut
    x = torch.ones(1, channels, size, size, requires_grad=True)
    stream.eval()(x)[0, 0, size // 2, size // 2].backward()
    assert x.grad is not None
    rows = x.grad[0].abs().sum(dim=(0, 2)).nonzero().flatten()
    columns = x.grad[0].abs().sum(dim=(0, 1)).nonzero().flatten()
    assert torch.equal(rows, columns)
    return int(rows[-1] - rows[0]) + 1


@pytest.mark.parametrize("kind", [OSBlock, AINBlock])
@pytest.mark.parametrize("lite", [True, False])
def test_stream_t_sees_two_t_plus_one_pixels(kind: type[OSBlock], lite: bool) -> None:
    block = kind(16, 16, BlockOptions(streams=6, lite=lite))
    assert [stream_support(s, 4, 17) for s in block.streams] == [3, 5, 7, 9, 11, 13]


def test_same_depth_streams_all_see_the_largest_scale() -> None:
    block = OSBlock(16, 16, BlockOptions(same_depth=True))
    assert [stream_support(s, 4, 17) for s in block.streams] == [9, 9, 9, 9]


@pytest.mark.parametrize("kind", [OSBlock, AINBlock])
@pytest.mark.parametrize("aggregation", get_args(Aggregation))
@pytest.mark.parametrize("streams", [1, 2, 3, 4, 5, 6])
def test_every_ablation_block_keeps_its_shape_and_trains_every_parameter(
    kind: type[OSBlock], aggregation: Aggregation, streams: int
) -> None:
    options = BlockOptions(streams=streams, aggregation=aggregation)
    block = kind(16, 64, options)
    initialise(block)
    y = block(torch.randn(2, 16, 6, 4))
    assert y.shape == (2, 64, 6, 4)
    (y * torch.randn_like(y)).sum().backward()
    for name, parameter in block.named_parameters():
        assert parameter.grad is not None, name


def test_identity_path_has_a_convolution_only_where_channels_change() -> None:
    assert isinstance(OSBlock(64, 64).downsample, nn.Identity)
    assert isinstance(OSBlock(32, 64).downsample, ConvNorm)


def test_a_block_without_residual_passes_its_input() -> None:
    block = OSBlock(64, 64).eval()
    nn.init.zeros_(block.conv3.conv.weight)
    x = torch.rand(1, 64, 4, 4)
    torch.testing.assert_close(block(x), x)
