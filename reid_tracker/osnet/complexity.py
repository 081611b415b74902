"""Cost of a net: parameters, and multiply-accumulate operations (MACs) per image.

The count follows the paper: only convolutions and linear layers, a gate once per stream, and no
classifier, which inference does not use.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer in a forward pass.

    Attributes:
        name: name of the layer in the net, such as "conv2.0.gate.fc1".
        layer: the layer.
        output_shape: shape of the output.
    """

    name: str
    layer: nn.Module
    output_shape: tuple[int, ...]

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations; 0 for layers other than convolutions and linear."""
        if not isinstance(self.layer, nn.Conv2d | nn.Linear):
            return 0
        # Each output value is a dot product with one slice of the weight.
        return prod(self.output_shape) * prod(self.layer.weight.shape[1:])


def count_parameters(net: nn.Module) -> int:
    """Count the learnable parameters of a net without its classifier."""
    return sum(
        parameter.numel()
        for name, parameter in net.named_parameters()
        if not name.startswith("classifier.")
    )


def count_macs(net: nn.Module, height: int = 256, width: int = 128) -> int:
    """Count the multiply-accumulate operations for one image of this size in pixels."""
    return sum(call.macs for call in trace_layers(net, height, width))


def trace_layers(net: nn.Module, height: int = 256, width: int = 128) -> list[LayerCall]:
    """Return the calls of all innermost layers in a forward pass in eval mode.

    The pass runs on a copy of the net on PyTorch's meta device, which computes only shapes.
    """
    calls: list[LayerCall] = []
    ghost = copy.deepcopy(net).to("meta").eval()

    def record(name: str, layer: nn.Module) -> None:
        def hook(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
            calls.append(LayerCall(name, layer, tuple(output.shape)))

        layer.register_forward_hook(hook)

    for name, module in ghost.named_modules():
        if not any(True for _ in module.children()):
            record(name, module)
    with torch.no_grad():
        ghost(torch.empty(1, 3, height, width, device="meta"))
    return calls
