"""Losses of the package pytorch-metric-learning, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from reid_tracker.errors import ConfigError, MissingDependencyError


def metric_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Build a loss of embeddings, (B, D), and labels, (B,), with the package's own settings.

    Losses with their own weights, such as ArcFace's, are refused, since here the net's classifier
    holds such weights. Losses that remember earlier batches are refused too, since checkpoints do
    not hold this memory. The loss is tested once.

    Args:
        name: a class in `pytorch_metric_learning.losses`, such as "CircleLoss".

    Raises:
        MissingDependencyError: the package is not installed.
        ConfigError: the loss does not exist, needs arguments, weights or memory, or does not work
            with labels.
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
        raise ConfigError(f"loss.metric = {name}: not a loss of pytorch-metric-learning; {hint}")
    try:
        loss, first, second = kinds[name](), kinds[name](), kinds[name]()
    except (TypeError, KeyError):  # KeyError: some take their arguments as **kwargs
        raise ConfigError(
            f"loss.metric = {name}: needs its own settings; choose one that does not, such as "
            "CircleLoss or MultiSimilarityLoss"
        ) from None
    if list(loss.parameters()):
        raise ConfigError(
            f"loss.metric = {name}: has its own weights; choose one without, such as CircleLoss"
        )
    _try(name, first, second)

    def apply(embeddings: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = loss(embeddings, labels)
        return value

    return apply


def _try(name: str, first: Any, second: Any) -> None:
    """Compute a loss as in training, on three instances that are discarded."""
    angles = torch.linspace(-3, 3, 8 * 4).view(8, 4)
    try:
        with torch.no_grad():
            _compute(second, angles.cos())
            alone, after_another = (_compute(loss, angles.sin()) for loss in (first, second))
        forgets = alone.equal(after_another)
        if forgets:
            _compute(first, angles.sin().requires_grad_()).backward()  # type: ignore[no-untyped-call]
    except Exception as error:  # the package raises many types of errors
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(
            f"loss.metric = {name}: does not work on embeddings with labels "
            f"({type(error).__name__}: {reason}); choose another, such as CircleLoss"
        ) from None
    if not forgets:
        raise ConfigError(
            f"loss.metric = {name}: remembers earlier batches, which checkpoints do not hold; "
            "choose another, such as CircleLoss"
        )


def _compute(loss: Any, rows: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):  # does not affect the run's random numbers
        torch.manual_seed(0)
        value: Tensor = loss(rows, torch.arange(8) // 2)
    return value


def _is_loss(name: str, kind: Any) -> bool:
    return isinstance(kind, type) and name.endswith("Loss") and not name.startswith("Base")
