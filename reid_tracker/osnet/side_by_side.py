"""Builds a wide net from narrow nets: channels are concatenated, embeddings are averaged.

An ensemble of nets with the same embedding space, such as the steps of one training, is better than
each of them. The wide net computes this ensemble; its weights between the parts are zero. Training
can continue from there (in the spirit of Chen et al., "Net2Net", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reid_tracker.errors import WeightsError
from reid_tracker.osnet.blocks import BATCH_NORM_EPS
from reid_tracker.osnet.checkpoint import StateDict

_HEAD = "fc."


def lay_side_by_side(net: nn.Module, parts: Sequence[StateDict], *, source: str) -> None:
    """Set the weights of a wide net so that it computes the mean embedding of narrow nets.

    The mean is taken before the ReLU. Unused channels (the hidden layer of a gate may round up)
    contribute nothing. The classifier becomes the mean of the parts' classifiers if all have its
    size; otherwise the net keeps its own.

    Args:
        net: an OSNet as wide as all parts together; changed in place.
        parts: state dicts of OSNets of the same family.
        source: name of the parts in error messages.

    Raises:
        WeightsError: the parts do not fit the net.
    """
    own = net.state_dict()
    wide: StateDict = {}
    for name, tensor in own.items():
        if name.endswith("num_batches_tracked"):
            continue
        given = [part[name] for part in parts if name in part]
        whole = len(given) == len(parts)
        if name.startswith("classifier."):
            if whole and all(g.shape == tensor.shape for g in given):
                wide[name] = torch.stack(given).mean(0)
        elif not whole or not _fits(name, tensor, given):
            shapes = ", ".join(str(tuple(g.shape)) for g in given) or "nothing"
            raise WeightsError(
                f"{source} do not fit side by side: {name} is {tuple(tensor.shape)} and they have "
                f"{shapes}; expected nets whose widths add up, such as two osnet_x0_25 for an "
                "osnet_x0_5"
            )
        elif not name.startswith(_HEAD):
            wide[name] = _placed(tensor, given)
    net.load_state_dict({**own, **wide, **_mean_head(parts)})


def _fits(name: str, tensor: Tensor, given: list[Tensor]) -> bool:
    """Whether the parts fill a tensor, up to the rounding of a gate's hidden layer."""
    if any(g.dim() != tensor.dim() or g.shape[2:] != tensor.shape[2:] for g in given):
        return False
    rows = [g.shape[0] for g in given]
    if name.startswith(_HEAD):
        if any(r != tensor.shape[0] for r in rows):
            return False
    elif not _filled(tensor.shape[0], rows):
        return False
    columns = [g.shape[1] for g in given if g.dim() > 1]
    return not columns or _shared(tensor, given) or _filled(tensor.shape[1], columns)


def _filled(size: int, parts: list[int]) -> bool:
    return 0 <= size - sum(parts) < len(parts)


def _shared(tensor: Tensor, given: list[Tensor]) -> bool:
    """Return whether all parts have the same inputs, as in the first or depthwise layers."""
    return all(g.shape[1] == tensor.shape[1] for g in given)


def _placed(tensor: Tensor, given: list[Tensor]) -> Tensor:
    """Stack the parts, each at its own input channels unless all share the same inputs."""
    result = tensor.clone()
    diagonal = tensor.dim() > 1 and not _shared(tensor, given)
    if diagonal:
        result[: sum(len(g) for g in given)] = 0
    row = column = 0
    for part in given:
        rows = slice(row, row + len(part))
        if diagonal:
            result[rows, column : column + part.shape[1]] = part
            column += part.shape[1]
        else:
            result[rows] = part
        row += len(part)
    return result


def _mean_head(parts: Sequence[StateDict]) -> StateDict:
    """Return the weights of fc that average the outputs of the parts' heads before the ReLU.

    The batch norms of the parts are folded into the linear layer. The batch norm of the wide net is
    an identity; its statistics are those of its output if the parts agree, so they hold in
    training.
    """
    weights, biases = [], []
    for part in parts:
        gain = part["fc.1.weight"] / torch.sqrt(part["fc.1.running_var"] + BATCH_NORM_EPS)
        weights.append(part["fc.0.weight"] * gain[:, None])
        shift = part["fc.0.bias"] - part["fc.1.running_mean"]
        biases.append(shift * gain + part["fc.1.bias"])
    mean = torch.stack([part["fc.1.bias"] for part in parts]).mean(0)
    spread = torch.stack([part["fc.1.weight"].abs() for part in parts]).mean(0)
    variance = (spread.square() - BATCH_NORM_EPS).clamp_min(0)
    return {
        "fc.0.weight": torch.cat(weights, dim=1) / len(parts),
        "fc.0.bias": torch.stack(biases).mean(0),
        "fc.1.weight": torch.sqrt(variance + BATCH_NORM_EPS),
        "fc.1.bias": mean,
        "fc.1.running_mean": mean.clone(),
        "fc.1.running_var": variance,
    }
