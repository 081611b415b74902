"""The weighted sum of losses of one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reid_tracker.train.loop.distributed import World
from reid_tracker.train.losses.student import Outputs
from reid_tracker.train.losses.terms import (
    am_softmax,
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
        widths: columns of each teacher in the targets.
    """

    def __init__(
        self,
        recipe: LossRecipe,
        world: World,
        metric: Callable[[Tensor, Tensor], Tensor] | None = None,
        widths: Sequence[int] = (),
    ) -> None:
        self._recipe = recipe
        self._world = world
        self._metric = metric
        self._widths = list(widths)

    def __call__(
        self, outputs: Outputs, labels: Tensor, targets: Tensor | None
    ) -> dict[str, Tensor]:
        """Return each loss times its weight, by name.

        Args:
            outputs: of B + U images, the labelled ones first.
            labels: (B,) class numbers.
            targets: (B + U, E) of all teachers side by side, or None.
        """
        terms = self._classify(outputs, labels)
        terms |= self._compare(outputs.embeddings[: len(labels)], labels)
        if targets is not None:
            terms |= self._distil(outputs, targets)
        return terms

    def _classify(self, outputs: Outputs, labels: Tensor) -> dict[str, Tensor]:
        recipe, known, terms = self._recipe, len(labels), {}
        if outputs.logits is not None and recipe.cross_entropy > 0:
            logits = outputs.logits[:known].float()
            loss = smoothed_cross_entropy(logits, labels, recipe.label_smoothing)
            terms["cross_entropy"] = recipe.cross_entropy * loss
        if outputs.cosines is not None:
            loss = am_softmax(
                outputs.cosines[:known].float(),
                labels,
                scale=recipe.am_scale,
                margin=recipe.am_margin,
                epsilon=recipe.label_smoothing,
            )
            terms["am_softmax"] = recipe.am_softmax * loss
        return terms

    def _compare(self, embeddings: Tensor, labels: Tensor) -> dict[str, Tensor]:
        recipe, terms = self._recipe, {}
        if recipe.triplet > 0 or self._metric is not None:
            rows = self._world.gather(embeddings.float())
            everyone = self._world.gather(labels)
            if recipe.triplet > 0:
                loss = batch_hard_triplet(rows, everyone, recipe.margin)
                terms["triplet"] = recipe.triplet * loss
            if self._metric is not None:
                terms["metric"] = recipe.metric_weight * self._metric(rows, everyone)
        return terms

    def _distil(self, outputs: Outputs, targets: Tensor) -> dict[str, Tensor]:
        recipe, terms = self._recipe, {}
        wanted = torch.split(targets, self._widths, dim=1)
        if recipe.distil_cosine > 0:
            pairs = zip(outputs.projections, wanted, strict=True)
            terms["distil_cosine"] = recipe.distil_cosine * _mean(
                [distil_cosine(*p) for p in pairs]
            )
        if recipe.distil_relation > 0:
            rows = self._world.gather(outputs.embeddings.float())
            losses = [distil_relation(rows, self._world.gather(part)) for part in wanted]
            terms["distil_relation"] = recipe.distil_relation * _mean(losses)
        return terms


def _mean(losses: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(losses)).mean()
