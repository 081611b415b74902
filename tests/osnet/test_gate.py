from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor, nn

from reid_tracker.osnet.gate import (
    Addition,
    Aggregation,
    Concatenation,
    FixedGates,
    SeparateGates,
    UnifiedGate,
    build_gate,
)

KINDS: dict[Aggregation, type[nn.Module]] = {
    "unified": UnifiedGate,
    "stream": UnifiedGate,
    "separate": SeparateGates,
    "fixed": FixedGates,
    "add": Addition,
    "concat": Concatenation,
}


def make_streams(count: int = 4, channels: int = 32) -> list[Tensor]:
    return [torch.rand(2, channels, 5, 3) for _ in range(count)]


def plain_gate(gate: UnifiedGate, x: Tensor) -> Tensor:
    """The gate as two matrix products."""
    w1, w2 = gate.fc1.weight.flatten(1), gate.fc2.weight.flatten(1)
    assert gate.fc1.bias is not None
    assert gate.fc2.bias is not None
    hidden = (x.mean(dim=(2, 3)) @ w1.T + gate.fc1.bias).clamp(min=0)
    return 1 / (1 + torch.exp(-(hidden @ w2.T + gate.fc2.bias)))


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
def test_each_aggregation_builds_its_module(aggregation: Aggregation) -> None:
    gate = build_gate(32, 4, aggregation)
    assert type(gate) is KINDS[aggregation]
    merged = gate(make_streams())
    assert merged.shape == (2, 128 if aggregation == "concat" else 32, 5, 3)


@pytest.mark.parametrize("weights", [32, 1])
def test_unified_gate_equals_two_matrix_products(weights: int) -> None:
    gate, streams = UnifiedGate(32, weights), make_streams()
    activations = [gate.activations(x) for x in streams]
    for x, activation in zip(streams, activations, strict=True):
        assert activation.shape == (2, weights, 1, 1)
        torch.testing.assert_close(activation.flatten(1), plain_gate(gate, x))
    expected = sum(plain_gate(gate, x)[..., None, None] * x for x in streams)
    torch.testing.assert_close(gate(streams), expected)


def test_unified_gate_is_called_once_for_each_stream_and_shared() -> None:
    gate = UnifiedGate(32, 32)
    calls: list[Tensor] = []
    gate.fc1.register_forward_hook(lambda _m, inputs, _out: calls.append(inputs[0]))
    gate(make_streams(count=5))
    assert len(calls) == 5
    assert len(list(gate.parameters())) == 4


def test_unified_gate_does_not_care_for_the_order_of_streams() -> None:
    gate, streams = UnifiedGate(32, 32), make_streams()
    torch.testing.assert_close(gate(streams), gate(streams[::-1]))


def test_separate_gates_have_parameters_of_their_own() -> None:
    gates, streams = SeparateGates(32, 3), make_streams(3)
    assert len(list(gates.parameters())) == 3 * 4
    halves = [gate([x]) for gate, x in zip(gates, streams, strict=True)]
    torch.testing.assert_close(gates(streams), halves[0] + halves[1] + halves[2])
    assert not torch.allclose(gates(streams), gates(streams[::-1]))


def test_fixed_gates_do_not_depend_on_the_input() -> None:
    gates, streams = FixedGates(32, 3), make_streams(3)
    with torch.no_grad():
        gates.logits.normal_()
    torch.testing.assert_close(gates([2 * x for x in streams]), 2 * gates(streams))
    expected = sum(torch.sigmoid(gates.logits[t]) * streams[t] for t in range(3))
    torch.testing.assert_close(gates(streams), expected)


def test_fixed_gates_start_at_one_half() -> None:
    streams = make_streams()
    torch.testing.assert_close(FixedGates(32, 4)(streams), 0.5 * Addition()(streams))


def test_concatenation_keeps_the_order() -> None:
    streams = make_streams(3)
    merged = Concatenation()(streams)
    for index, x in enumerate(streams):
        assert torch.equal(merged[:, 32 * index : 32 * (index + 1)], x)


@pytest.mark.parametrize(
    ("channels", "hidden"), [(64, 4), (96, 6), (128, 8), (72, 4), (24, 1), (16, 1), (8, 1)]
)
def test_hidden_size_is_a_sixteenth_and_at_least_one(channels: int, hidden: int) -> None:
    assert UnifiedGate(channels, channels).fc1.out_channels == hidden
