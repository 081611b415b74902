"""The optimiser that a recipe names, and its learning rate at each step.

The rate is a function of epoch and step: it has no state, so resuming needs none.
"""

from __future__ import annotations

import math

from torch import nn, optim

from reid_tracker.train.recipe import OptimiserRecipe, ScheduleRecipe


def build_optimiser(net: nn.Module, recipe: OptimiserRecipe) -> optim.Optimizer:
    """Build SGD, AMSGrad or AdamW over all parameters of a net."""
    groups = _parameter_groups(net, recipe)
    if recipe.name == "sgd":
        return optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    betas = (recipe.beta1, recipe.beta2)
    if recipe.name == "adamw":
        return optim.AdamW(groups, lr=recipe.lr, betas=betas, foreach=True)
    return optim.Adam(groups, lr=recipe.lr, betas=betas, amsgrad=True, foreach=True)


def learning_rate_factor(
    recipe: ScheduleRecipe, *, epoch: int, step: int, steps_per_epoch: int, epochs: int
) -> float:
    """Return the factor by which the recipe's learning rate is multiplied.

    Args:
        recipe: the schedule.
        epoch: from 0.
        step: within the epoch, from 0.
        steps_per_epoch: steps in every epoch.
        epochs: of the whole run.
    """
    factor = 1.0
    if recipe.name == "step":
        factor = recipe.gamma ** sum(epoch >= milestone for milestone in recipe.milestones)
    elif recipe.name == "cosine":
        progress = epoch + (step / steps_per_epoch if recipe.by_step else 0)
        factor = 0.5 * (1 + math.cos(math.pi * progress / epochs))
    left = epochs - epoch - step / steps_per_epoch
    if left < recipe.finish_epochs:
        factor *= 0.5 * (1 - math.cos(math.pi * left / recipe.finish_epochs))
    total = epoch * steps_per_epoch + step
    if total < recipe.warmup_steps:
        factor *= (total + 1) / recipe.warmup_steps
    return factor


def _parameter_groups(net: nn.Module, recipe: OptimiserRecipe) -> list[dict[str, object]]:
    """Exclude norm layers and biases (all vectors) from weight decay if the recipe says so."""
    parameters = list(net.parameters())
    if recipe.decay_norms:
        return [{"params": parameters, "weight_decay": recipe.weight_decay}]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
