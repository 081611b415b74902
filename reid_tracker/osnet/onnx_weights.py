"""Converts an ONNX export of an OSNet back to a state dict.

Exporters fold batch norm into the preceding convolution, and the original batch norm is lost. The
result has a batch norm that only adds the folded bias. It is equal in eval mode and a good start
for training, but not the original checkpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from reid_tracker.errors import MissingDependencyError, WeightsError
from reid_tracker.osnet.blocks import BATCH_NORM_EPS
from reid_tracker.osnet.checkpoint import StateDict, check_fit, infer_architecture
from reid_tracker.osnet.complexity import LayerCall, trace_layers
from reid_tracker.osnet.fold import batch_norm_pairs
from reid_tracker.osnet.network import EmbeddingNet
from reid_tracker.osnet.variants import OSNETS

_LAYERS: dict[str, tuple[type[nn.Module], ...]] = {
    "Conv": (nn.Conv2d,),
    "Gemm": (nn.Linear,),
    "BatchNormalization": (nn.BatchNorm1d, nn.BatchNorm2d),
    "InstanceNormalization": (nn.InstanceNorm2d,),
}
"""ONNX operators with weights, and the layers they come from."""

_TENSORS = {
    "Conv": ("weight", "bias"),
    "Gemm": ("weight", "bias"),
    "BatchNormalization": ("weight", "bias", "running_mean", "running_var"),
    "InstanceNormalization": ("weight", "bias"),
}
"""PyTorch names of the operators' inputs after the first."""


def load_onnx_weights(path: str | Path) -> StateDict:
    """Read the state dict of an ONNX export of an OSNet, with or without folded batch norm.

    The result has all keys of the published net (float32, on the CPU) except the classifier's.

    Raises:
        MissingDependencyError: the package `onnx` is not installed.
        WeightsError: the file is missing, damaged, or not an export of a published OSNet.
    """
    path = Path(path)
    model = _read_model(path)
    constants = _constants(model.graph)
    nodes = [node for node in model.graph.node if node.op_type in _LAYERS]
    names = _names_by_path(nodes)
    # Other exporters may reorder nodes, which would silently swap streams of equal shape.
    if names is None and model.producer_name == "pytorch":
        names = _names_by_order(nodes, constants)
    if names is None:
        raise WeightsError(
            f"{path}: its layers are not those of a published OSNet; "
            "use an ONNX export of OSNet or OSNet-AIN, or the PyTorch checkpoint"
        )
    stored: StateDict = {}
    for node, name in zip(nodes, names, strict=True):
        for suffix, value in _node_tensors(node, constants, path).items():
            stored[f"{name}.{suffix}"] = value
    return _complete(stored, path)


def onnx_input_size(path: str | Path) -> tuple[int, int] | None:
    """Return the (height, width) of an ONNX file's input images; None if it is not fixed.

    Raises:
        MissingDependencyError: the package `onnx` is not installed.
        WeightsError: the file is missing or damaged.
    """
    inputs = _read_model(Path(path)).graph.input
    sides = [side.dim_value for side in inputs[0].type.tensor_type.shape.dim[2:4]] if inputs else []
    return (sides[0], sides[1]) if len(sides) == 2 and all(sides) else None


def _read_model(path: Path) -> Any:
    try:
        import onnx
    except ImportError:
        raise MissingDependencyError(
            f"{path}: reading weights from ONNX needs the package onnx; "
            "install it with pip install 'reid-tracker[onnx]'"
        ) from None
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; check the path of the weights")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # the protobuf parser has its own exceptions
        raise WeightsError(
            f"{path}: not an ONNX file, or damaged ({type(error).__name__}); get the file again"
        ) from None
    if not model.graph.node:
        raise WeightsError(f"{path}: an ONNX file without layers; get the file again")
    return model


def _constants(graph: Any) -> StateDict:
    """Return all stored tensors by name and alias."""
    from onnx import numpy_helper

    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            stored[node.output[0]] = node.attribute[0].t
        # Exporters store equal tensors once and refer to them with Identity nodes.
        elif node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    return {
        name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for name, tensor in stored.items()
    }


def _node_tensors(node: Any, constants: StateDict, path: Path) -> StateDict:
    tensors: StateDict = {}
    for suffix, name in zip(_TENSORS[node.op_type], node.input[1:], strict=False):
        if name not in constants:
            raise WeightsError(
                f"{path}: the {suffix} of layer {node.name or node.output[0]} is computed, not "
                "stored (a quantized model?); use the float32 export"
            )
        tensors[suffix] = constants[name].float()
    if node.op_type == "Gemm" and not any(a.name == "transB" and a.i for a in node.attribute):
        tensors["weight"] = tensors["weight"].T.contiguous()
    return tensors


def _names_by_path(nodes: Sequence[Any]) -> list[str] | None:
    """Derive layer names from node names such as /conv2/conv2.0/gate/fc1_3/Conv."""
    names = [_module_name(node.name) for node in nodes]
    if not all(names) or not names or not names[0].endswith("conv1.conv"):
        return None
    # If the net was part of another module, the path of that module precedes every name.
    prefix = names[0].removesuffix("conv1.conv")
    return [name.removeprefix(prefix) for name in names]


def _module_name(node_name: str) -> str:
    """Convert a node path to a layer name: /conv2/conv2.0/gate/fc1_3/Conv to conv2.0.gate.fc1.

    Items of a container repeat its name (conv2, then conv2.0); repeated calls of a layer are
    numbered (fc1_3).
    """
    name, above = "", ""
    for part in node_name.strip("/").split("/")[:-1]:
        own = re.sub(r"_\d+$", "", part)
        step = own.removeprefix(f"{above}.") if above else own
        name = f"{name}.{step}" if name else step
        above = own
    return name


def _names_by_order(nodes: Sequence[Any], constants: StateDict) -> list[str] | None:
    """Take layer names from the published net that has the same layers in the same order.

    Old versions of PyTorch's exporter wrote no paths, but nodes are always in execution order.
    """
    stem = constants.get(nodes[0].input[1]) if nodes else None
    for build in OSNETS.values():
        net = _ghost(build)
        # Compare the first layer before tracing the whole net.
        if stem is not None and stem.shape == net.state_dict()["conv1.conv.weight"].shape:
            names = _match(nodes, constants, trace_layers(net))
            if names is not None:
                return names
    return None


def _match(
    nodes: Sequence[Any], constants: StateDict, calls: Sequence[LayerCall]
) -> list[str] | None:
    """Name each node after its layer call; return None if the nets differ."""
    names: dict[int, str] = {}
    for operator, layers in _LAYERS.items():
        found = [index for index, node in enumerate(nodes) if node.op_type == operator]
        expected = [call for call in calls if isinstance(call.layer, layers)]
        if operator == "BatchNormalization" and len(found) == 1:
            expected = expected[-1:]  # all are folded except the last, which follows a linear layer
        if operator == "BatchNormalization" and not found:
            continue
        if len(found) != len(expected):
            return None
        for index, call in zip(found, expected, strict=True):
            weight = constants.get(nodes[index].input[1])
            if weight is None or weight.shape != call.layer.weight.shape:
                return None
            names[index] = call.name
    return [names[index] for index in range(len(nodes))]


def _complete(stored: StateDict, path: Path) -> StateDict:
    """Add tensors that the export lacks, and check that the result fits a published net."""
    try:
        expected = _ghost(OSNETS[infer_architecture(stored)])
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None
    keys = expected.state_dict()
    for layer, norm in batch_norm_pairs(expected):
        if f"{norm}.weight" in stored:
            continue
        channels = keys[f"{norm}.weight"].shape
        bias = torch.zeros(channels)
        if f"{layer}.bias" not in keys:
            bias = stored.pop(f"{layer}.bias", bias)
        stored[f"{norm}.weight"] = torch.ones(channels)
        stored[f"{norm}.bias"] = bias
        stored[f"{norm}.running_mean"] = torch.zeros(channels)
        # Batch norm divides by sqrt(variance + eps), here by 1.
        stored[f"{norm}.running_var"] = torch.full(channels, 1.0 - BATCH_NORM_EPS)
    for key in keys:
        if key.endswith("num_batches_tracked"):
            stored[key] = torch.tensor(0)
    check_fit(expected, stored, source=str(path))
    return {key: stored[key] for key in keys}


def _ghost(build: Callable[..., EmbeddingNet]) -> EmbeddingNet:
    """Build a net on the meta device, which has names and shapes but no memory."""
    with torch.device("meta"):
        return build()
