"""Builds the optimiser that a recipe names."""

from __future__ import annotations

from torch import nn, optim

from reid_tracker.train.recipe import OptimiserRecipe


def build_optimiser(net: nn.Module, recipe: OptimiserRecipe) -> optim.Optimizer:
    """Build SGD, AMSGrad or AdamW over all parameters of a net."""
    groups = _parameter_groups(net, recipe)
    if recipe.name == "sgd":
        return optim.SGD(groups, lr=recipe.lr, momentum=recipe.momentum)
    betas = (recipe.beta1, recipe.beta2)
    if recipe.name == "adamw":
        return optim.AdamW(groups, lr=recipe.lr, betas=betas, foreach=True)
    return optim.Adam(groups, lr=recipe.lr, betas=betas, amsgrad=True, foreach=True)


def _parameter_groups(net: nn.Module, recipe: OptimiserRecipe) -> list[dict[str, object]]:
    """Split off norm layers and biases, which are vectors, where they are not to decay."""
    parameters = list(net.parameters())
    if recipe.decay_norms:
        return [{"params": parameters, "weight_decay": recipe.weight_decay}]
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
