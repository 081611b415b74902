"""What happens to the weights of a finished run before they are written.

Averaging with the weights that the run started from keeps what training on one data set unlearns
(Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). Lowering what goes into the last
ReLU leaves fewer outputs that are not zero and makes different people less alike, so that the
thresholds of a tracker, which were made for another encoder, suit this one.
"""

from __future__ import annotations

import copy
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from reid_tracker.osnet import load_checkpoint
from reid_tracker.train.augment import standardise
from reid_tracker.train.images import to_unit_rgb
from reid_tracker.train.recipe import Recipe
from reid_tracker.train.teacher import Lessons

_CROPS = 1000
_BATCH = 50


def finish(net: nn.Module, recipe: Recipe, lessons: Lessons | None) -> nn.Module:
    """Return the net that a run leaves; the one given is not changed.

    Args:
        net: an OSNet, trained.
        recipe: of the run.
        lessons: whose unlabelled crops tell how much the outputs vary; needed for `output_shift`.

    Raises:
        WeightsError: the weights that the run started from are gone or damaged.
    """
    net = copy.deepcopy(net).cpu().eval()
    if recipe.start_share:
        average_with(net, load_checkpoint(recipe.model.weights), recipe.start_share)
    if recipe.output_shift and lessons is not None:
        rows = np.random.default_rng(recipe.seed).permutation(len(lessons.unlabelled))[:_CROPS]
        size = recipe.phases[-1].height, recipe.phases[-1].width
        outputs = before_relu(net, standardise(to_unit_rgb(lessons.crops.take(rows, size))))
        with torch.no_grad():
            bias = cast(Tensor, net.get_submodule("fc.1").bias)
            bias.sub_(recipe.output_shift * outputs.std(0))
    return net


def average_with(net: nn.Module, start: dict[str, Tensor], share: float) -> None:
    """Mix weights into a net's, in place; those that only one of both has stay as they are.

    Args:
        net: of which 1 - share is kept.
        start: state dict of the same architecture.
        share: of `start` in the result.
    """
    mixed = {
        name: share * start[name].to(tensor) + (1 - share) * tensor
        for name, tensor in net.state_dict().items()
        if name in start and tensor.is_floating_point() and start[name].shape == tensor.shape
    }
    net.load_state_dict({**net.state_dict(), **mixed})


def before_relu(net: nn.Module, images: Tensor) -> Tensor:
    """Return what goes into the embedding's ReLU, (N, 512), of (N, 3, H, W) normalised images.

    Args:
        net: an OSNet in eval mode.
        images: normalised as for training.
    """
    parts: list[Tensor] = []
    norm = net.get_submodule("fc.1")
    hook = norm.register_forward_hook(lambda _, __, output: parts.append(output.clone()))
    try:
        with torch.no_grad():
            for start in range(0, len(images), _BATCH):
                net(images[start : start + _BATCH])
    finally:
        hook.remove()
    return torch.cat(parts)
