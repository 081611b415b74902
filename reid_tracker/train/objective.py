"""The weighted sum of losses of one step."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from reid_tracker.train.distributed import World
from reid_tracker.train.losses import (
    batch_hard_triplet,
    distil_cosine,
    distil_relation,
    smoothed_cross_entropy,
)
from reid_tracker.train.recipe import LossRecipe


class Objective:
    """Adds up the losses that a recipe asks for.

    Args:
        recipe: their weights.
        world: triplets and relations are taken over the batches of all processes.
        metric: a loss of embeddings and labels, or None.
    """

    def __init__(
        self,
        recipe: LossRecipe,
        world: World,
        metric: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        self._recipe = recipe
        self._world = world
        self._metric = metric

    def __call__(
        self, logits: Tensor, embeddings: Tensor, labels: Tensor, targets: Tensor | None
    ) -> dict[str, Tensor]:
        """Return each loss times its weight, by name.

        Args:
            logits: (B, K) of the labelled images, at least.
            embeddings: (B + U, D), the labelled images first.
            labels: (B,) class numbers; negative ones have no class, and no target.
            targets: (B + U, E) of the teacher, or None.
        """
        recipe, count = self._recipe, len(labels)
        terms = {}
        if recipe.cross_entropy > 0:
            known = labels >= 0
            loss = smoothed_cross_entropy(
                logits[:count][known].float(), labels[known], recipe.label_smoothing
            )
            terms["cross_entropy"] = recipe.cross_entropy * loss
        if recipe.triplet > 0 or self._metric is not None:
            rows = self._world.gather(embeddings[:count].float())
            everyone = self._world.gather(labels)
            if recipe.triplet > 0:
                loss = batch_hard_triplet(rows, everyone, recipe.margin)
                terms["triplet"] = recipe.triplet * loss
            if self._metric is not None:
                terms["metric"] = recipe.metric_weight * self._metric(rows, everyone)
        if targets is not None and bool((labels < 0).any()):
            taught = targets.any(1)
            embeddings, targets = embeddings[taught], targets[taught]
        if targets is not None and recipe.distil_cosine > 0:
            loss = distil_cosine(embeddings, targets)
            terms["distil_cosine"] = recipe.distil_cosine * loss
        if targets is not None and recipe.distil_relation > 0:
            rows, wanted = self._world.gather(embeddings.float()), self._world.gather(targets)
            terms["distil_relation"] = recipe.distil_relation * distil_relation(rows, wanted)
        return terms
