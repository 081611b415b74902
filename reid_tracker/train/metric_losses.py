"""Losses of the package pytorch-metric-learning, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from torch import Tensor

from reid_tracker.errors import ConfigError, MissingDependencyError


def metric_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Build a loss of embeddings, (B, D), and labels, (B,), with the package's own settings.

    Losses that hold weights of their own, such as ArcFace's, are refused: the classifier of the
    net has their place here.

    Args:
        name: of a class in `pytorch_metric_learning.losses`, such as "CircleLoss".

    Raises:
        MissingDependencyError: the package is not installed.
        ConfigError: it has no such loss, or the loss needs arguments or weights.
    """
    try:
        from pytorch_metric_learning import losses  # type: ignore[import-untyped]
    except ImportError:
        raise MissingDependencyError(
            f"loss.metric = {name}: needs the package pytorch-metric-learning; "
            "install it with pip install 'reid-tracker[train]'"
        ) from None
    kinds = {key: kind for key, kind in vars(losses).items() if _is_loss(key, kind)}
    if name not in kinds:
        close = difflib.get_close_matches(name, kinds, n=1)
        hint = f"did you mean {close[0]}?" if close else f"expected one of {', '.join(kinds)}"
        raise ConfigError(f"loss.metric = {name}: no loss of pytorch-metric-learning; {hint}")
    try:
        loss: Any = kinds[name]()
    except TypeError:
        raise ConfigError(
            f"loss.metric = {name}: needs settings of its own; choose one that does not, such as "
            "CircleLoss or MultiSimilarityLoss"
        ) from None
    if list(loss.parameters()):
        raise ConfigError(
            f"loss.metric = {name}: has weights of its own; choose one without, such as CircleLoss"
        )

    def apply(embeddings: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = loss(embeddings, labels)
        return value

    return apply


def _is_loss(name: str, kind: Any) -> bool:
    return isinstance(kind, type) and name.endswith("Loss") and not name.startswith("Base")
