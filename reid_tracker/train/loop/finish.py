"""What happens to the weights of a finished run before they are written.

Averaging with the weights of an earlier step, or with those that the run began with, keeps what
training unlearns (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from reid_tracker.osnet import load_checkpoint
from reid_tracker.train.loop.state import build_net
from reid_tracker.train.recipe import Recipe


def finish(net: nn.Module, recipe: Recipe) -> nn.Module:
    """Return the net that a run leaves; the one given is not changed.

    Args:
        net: an OSNet, trained.
        recipe: of the run.

    Raises:
        WeightsError: the weights to average with are gone or damaged.
    """
    net = copy.deepcopy(net).cpu().eval()
    if recipe.earlier_share:
        other = load_checkpoint(recipe.earlier) if recipe.earlier else _start(net, recipe)
        average_with(net, other, recipe.earlier_share)
    return net


def _start(net: nn.Module, recipe: Recipe) -> dict[str, Tensor]:
    """Return the weights that a run began with, without its classifier."""
    classes = net.state_dict().get("classifier.bias", ())
    # What the files leave open is drawn as it was then, which the size of the classifier decides.
    torch.manual_seed(recipe.seed)
    weights = build_net(recipe.model, len(classes)).state_dict()
    return {name: value for name, value in weights.items() if not name.startswith("classifier.")}


def average_with(net: nn.Module, other: dict[str, Tensor], share: float) -> None:
    """Mix weights into a net's, in place; those that only one of both has stay as they are.

    Args:
        net: of which 1 - share is kept.
        other: state dict of the same architecture.
        share: of `other` in the result.
    """
    mixed = {
        name: share * other[name].to(tensor) + (1 - share) * tensor
        for name, tensor in net.state_dict().items()
        if name in other and tensor.is_floating_point() and other[name].shape == tensor.shape
    }
    net.load_state_dict({**net.state_dict(), **mixed})
