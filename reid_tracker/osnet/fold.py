"""Folds batch norm into the preceding convolutions, for faster inference with equal output."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from reid_tracker.osnet.blocks import ConvNorm, Lite3x3
from reid_tracker.osnet.network import EmbeddingNet


def fold_batch_norm(net: nn.Module) -> nn.Module:
    """Return a copy of the net in eval mode with batch norms folded into the preceding layers.

    The output differs only by rounding. Instance norm stays, because its statistics come from the
    image. The copy has no gradients, and its keys differ from those of checkpoints.
    """
    folded = copy.deepcopy(net).eval().requires_grad_(False)
    for layer_name, norm_name in batch_norm_pairs(folded):
        layer, norm = folded.get_submodule(layer_name), folded.get_submodule(norm_name)
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            _replace(folded, layer_name, fuse_conv_bn_eval(layer, norm))
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            _replace(folded, layer_name, fuse_linear_bn_eval(layer, norm))
        _replace(folded, norm_name, nn.Identity())
    return folded


def batch_norm_pairs(net: nn.Module) -> list[tuple[str, str]]:
    """Return (layer name, batch norm name) for each layer followed by batch norm."""
    return [
        (layer, norm)
        for layer, norm in _norm_pairs(net)
        if isinstance(net.get_submodule(norm), nn.BatchNorm1d | nn.BatchNorm2d)
    ]


def _norm_pairs(net: nn.Module) -> Iterator[tuple[str, str]]:
    for name, module in net.named_modules():
        if isinstance(module, ConvNorm):
            yield f"{name}.conv", f"{name}.bn"
        elif isinstance(module, Lite3x3):
            # The first convolution of a Lite 3x3 layer has no norm.
            yield f"{name}.conv2", f"{name}.bn"
        elif isinstance(module, EmbeddingNet):
            within = f"{name}." if name else ""
            yield f"{within}fc.0", f"{within}fc.1"


def _replace(net: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, module)
