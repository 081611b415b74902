"""A wide net made of narrow ones: channels lie side by side, embeddings are averaged.

An ensemble of nets with the same embedding space, such as the steps of one training, is better than
each of them. Side by side they are one net again, whose weights between the parts are zero, and
training can go on from there (in the spirit of Chen et al., "Net2Net", 2016).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from reid_tracker.errors import WeightsError
from reid_tracker.osnet.checkpoint import StateDict

_BATCH_NORM_EPS = 1e-5
_HEAD = "fc."


def lay_side_by_side(net: nn.Module, parts: Sequence[StateDict], *, source: str) -> None:
    """Give a net the weights with which it embeds as the mean of narrower nets, before the ReLU.

    Channels that the parts leave free (the hidden layer of a gate may round up) keep what feeds
    them and contribute nothing. A classifier becomes the mean of the parts' classifiers, where all
    have one of its size; otherwise the net keeps its own.

    Args:
        net: an OSNet, changed in place; as wide as all parts together.
        parts: state dicts of OSNets of the same family.
        source: what to call them in an error.

    Raises:
        WeightsError: the parts do not fill the net.
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
                f"{shapes}; expected nets that are together as wide, such as two osnet_x0_25 in an "
                "osnet_x0_5"
            )
        elif not name.startswith(_HEAD):
            wide[name] = _placed(tensor, given)
    net.load_state_dict({**own, **wide, **_mean_head(parts)})


def _fits(name: str, tensor: Tensor, given: list[Tensor]) -> bool:
    """Whether the parts fill a tensor, but for the rounding of a gate's hidden layer."""
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
    """Whether all see the same inputs: the first convolution, and each channel of a depthwise."""
    return all(g.shape[1] == tensor.shape[1] for g in given)


def _placed(tensor: Tensor, given: list[Tensor]) -> Tensor:
    """Put the parts below each other, and each at its own input channels where there are such."""
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
    """Return the weights of fc with which it averages what the parts' heads give before the ReLU.

    The batch norm of each part goes into the linear layer. That of the wide net undoes itself: its
    statistics are those that its output has where the parts agree, so that they hold in training.
    """
    weights, biases = [], []
    for part in parts:
        gain = part["fc.1.weight"] / torch.sqrt(part["fc.1.running_var"] + _BATCH_NORM_EPS)
        weights.append(part["fc.0.weight"] * gain[:, None])
        shift = part["fc.0.bias"] - part["fc.1.running_mean"]
        biases.append(shift * gain + part["fc.1.bias"])
    mean = torch.stack([part["fc.1.bias"] for part in parts]).mean(0)
    spread = torch.stack([part["fc.1.weight"].abs() for part in parts]).mean(0)
    variance = (spread.square() - _BATCH_NORM_EPS).clamp_min(0)
    return {
        "fc.0.weight": torch.cat(weights, dim=1) / len(parts),
        "fc.0.bias": torch.stack(biases).mean(0),
        "fc.1.weight": torch.sqrt(variance + _BATCH_NORM_EPS),
        "fc.1.bias": mean,
        "fc.1.running_mean": mean.clone(),
        "fc.1.running_var": variance,
    }
