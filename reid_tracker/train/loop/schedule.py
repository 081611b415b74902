"""Learning rate as a function of epoch and step: no state, so resuming needs none."""

from __future__ import annotations

import math

from reid_tracker.train.losses.student import Student
from reid_tracker.train.recipe import ScheduleRecipe


def learning_rate_factor(
    recipe: ScheduleRecipe, *, epoch: int, step: int, steps_per_epoch: int, epochs: int
) -> float:
    """Return what the recipe's learning rate is multiplied by.

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
        horizon = recipe.horizon_epochs or epochs
        factor = 0.5 * (1 + math.cos(math.pi * min(1.0, progress / horizon)))
    left = epochs - epoch - step / steps_per_epoch
    if left < recipe.finish_epochs:
        factor *= 0.5 * (1 - math.cos(math.pi * left / recipe.finish_epochs))
    total = epoch * steps_per_epoch + step
    if total < recipe.warmup_steps:
        factor *= (total + 1) / recipe.warmup_steps
    return factor


def set_training_mode(student: Student, *, frozen: bool) -> None:
    """Put a net into train mode, or let only its classifier and what it is dropped with train.

    The first step of the two-step warm-up: the base gets no gradient and is in eval mode, so that
    its batch norms use the statistics that they have, and keep them.
    """
    student.train()
    student.requires_grad_(True)
    if not frozen:
        return
    for name, child in student.net.named_children():
        if name != "classifier":
            child.eval()
            child.requires_grad_(False)
