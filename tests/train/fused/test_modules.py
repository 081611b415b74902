from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from reid_tracker.osnet import OSNETS
from reid_tracker.osnet.blocks import ConvNorm, Lite3x3, OSBlock
from reid_tracker.osnet.gate import UnifiedGate
from reid_tracker.train.fused.modules import FusedConvNorm, fuse

# Images, height, width, channels: all stages of two widths, and sizes that fill no tile.
SHAPES = ((5, 32, 16, 32), (6, 16, 8, 48), (7, 8, 4, 64), (3, 16, 8, 24), (3, 7, 5, 16))

Call = Callable[..., Tensor]

BF16 = 0.006
"""Relative error of results rounded to bfloat16."""

SIGNS = 0.08
"""The same where some values near 0 pass a ReLU on one side only."""


def random_affine(module: nn.Module) -> nn.Module:
    for parameter in module.parameters():
        if parameter.ndim == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
    return module


def error(found: Tensor, expected: Tensor) -> float:
    found, expected = found.detach().float(), expected.detach()
    value: float = ((found - expected).norm() / (expected.norm() + 1e-9)).item()
    return value


def errors(
    module: nn.Module, inputs: Sequence[Tensor], fused: Call, plain: Call
) -> dict[str, float]:
    """Relative errors of outputs, gradients and running statistics against float32 autograd."""
    reference = copy.deepcopy(module)
    fuse(module)
    short = [part.bfloat16().contiguous(memory_format=torch.channels_last) for part in inputs]
    exact = [part.float().contiguous().requires_grad_() for part in short]
    short = [part.clone().requires_grad_() for part in short]
    with torch.autocast("cpu", torch.bfloat16):
        output = fused(module, *short)
    expected = plain(reference, *exact)
    assert output.dtype == torch.bfloat16
    gradient = torch.randn_like(expected).bfloat16()
    output.backward(gradient)  # type: ignore[no-untyped-call]
    expected.backward(gradient.float())  # type: ignore[no-untyped-call]
    found = {"output": error(output, expected)}
    for number, (one, other) in enumerate(zip(short, exact, strict=True)):
        assert one.grad is not None
        assert other.grad is not None
        found[f"input {number}"] = error(one.grad, other.grad)
    pairs = zip(module.named_parameters(), reference.parameters(), strict=True)
    for (name, one), other in pairs:
        assert one.grad is not None, name
        assert other.grad is not None, name
        found[name] = error(one.grad, other.grad)
    states = zip(module.named_buffers(), reference.buffers(), strict=True)
    found |= {name: error(one, other.float()) for (name, one), other in states}
    return found


def call(module: nn.Module, x: Tensor) -> Tensor:
    made: Tensor = module(x)
    return made


def check(found: dict[str, float], limit: float) -> None:
    worst = max(found, key=found.__getitem__)
    assert found[worst] < limit, (worst, found[worst])
    for name, value in found.items():
        if name == "output" or "running" in name:
            assert value < BF16, (name, value)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_lite_layer(shape: tuple[int, int, int, int]) -> None:
    torch.manual_seed(1)
    images, height, width, channels = shape
    x = torch.randn(images, channels, height, width)
    check(errors(random_affine(Lite3x3(channels)), [x], call, call), SIGNS)


@pytest.mark.slow
@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("out", [128, 56])
@pytest.mark.parametrize("shape", SHAPES)
def test_pointwise_convolution(shape: tuple[int, int, int, int], out: int, relu: bool) -> None:
    torch.manual_seed(2)
    images, height, width, channels = shape
    x = torch.randn(images, channels, height, width)
    module = random_affine(ConvNorm(channels, out, relu=relu))
    check(errors(module, [x], call, call), SIGNS if relu else BF16)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_residual(shape: tuple[int, int, int, int]) -> None:
    torch.manual_seed(3)
    images, height, width, channels = shape
    x, added = torch.randn(images, channels, height, width), torch.randn(images, 72, height, width)

    def fused(module: FusedConvNorm, x: Tensor, added: Tensor) -> Tensor:
        return module.with_residual(x, added, relu=True)

    def plain(module: ConvNorm, x: Tensor, added: Tensor) -> Tensor:
        return torch.relu(module(x) + added)

    check(
        errors(random_affine(ConvNorm(channels, 72, relu=False)), [x, added], fused, plain), SIGNS
    )


@pytest.mark.slow
def test_stem_and_other_convolutions() -> None:
    torch.manual_seed(4)
    module = random_affine(ConvNorm(8, 32, 7, stride=2))
    check(errors(module, [torch.randn(3, 8, 64, 32)], call, call), SIGNS)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_gate(shape: tuple[int, int, int, int]) -> None:
    torch.manual_seed(5)
    images, height, width, channels = shape
    streams = [torch.randn(images, channels, height, width) for _ in range(4)]

    def merge(module: nn.Module, *streams: Tensor) -> Tensor:
        merged: Tensor = module(list(streams))
        return merged

    check(errors(UnifiedGate(channels, channels), streams, merge, merge), BF16)


@pytest.mark.slow
def test_a_block_and_eval_mode() -> None:
    torch.manual_seed(6)
    plain = random_affine(OSBlock(32, 128)).to(memory_format=torch.channels_last)
    fused = copy.deepcopy(plain)
    fuse(fused)
    assert type(fused) is not OSBlock
    assert list(fused.state_dict()) == list(plain.state_dict())
    x = torch.randn(4, 32, 16, 8).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        assert error(fused(x).float(), plain(x).float()) < 4 * BF16
    fused.eval()
    plain.load_state_dict(fused.state_dict())
    assert torch.equal(fused(x), plain.eval()(x))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25", "osnet_ibn_x1_0"])
def test_a_net_learns_as_without_kernels(name: str) -> None:
    """Instance norms, which the kernels lack, stay as they are."""
    if name not in OSNETS:
        pytest.skip(f"there is no {name}")

    def losses(fused: bool) -> list[float]:
        torch.manual_seed(7)
        net = OSNETS[name](6).to(memory_format=torch.channels_last).train()
        if fused:
            fuse(net)
        images = torch.randn(12, 3, 64, 32).contiguous(memory_format=torch.channels_last)
        labels = torch.arange(12) % 6
        optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3)
        found = []
        for _ in range(12):
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(images)
            loss = nn.functional.cross_entropy(logits.float(), labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            found.append(loss.item())
        return found

    plain, fused = losses(False), losses(True)
    assert fused[-1] < 0.6 * fused[0]
    assert fused[0] == pytest.approx(plain[0], rel=0.02)
    assert fused[-1] == pytest.approx(plain[-1], rel=0.3)
    assert losses(True) == fused, "the same numbers each time"
