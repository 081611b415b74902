from __future__ import annotations

import sys

import pytest
import torch

from reid_tracker.errors import ConfigError, MissingDependencyError
from reid_tracker.train.losses.metric import metric_loss


@pytest.mark.parametrize(
    "name", ["CircleLoss", "MultiSimilarityLoss", "SupConLoss", "TripletMarginLoss"]
)
def test_losses_by_name_have_gradients(name: str) -> None:
    pytest.importorskip("pytorch_metric_learning")
    rows = torch.randn(8, 16, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = metric_loss(name)(rows, torch.arange(8) // 2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert rows.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CircelLoss", "did you mean CircleLoss"),
        ("ArcFaceLoss", "needs its own settings"),
        ("SubCenterArcFaceLoss", "needs its own settings"),
        ("VICRegLoss", r"does not work on embeddings with labels \(ValueError: .*\); choose"),
        ("DynamicSoftMarginLoss", "remembers earlier batches, which checkpoints do not hold"),
        ("BaseMetricLossFunction", "not a loss of pytorch-metric-learning"),
    ],
)
def test_unusable_names(name: str, message: str) -> None:
    pytest.importorskip("pytorch_metric_learning")
    with pytest.raises(ConfigError, match=message) as caught:
        metric_loss(name)
    assert "\n" not in str(caught.value)


def test_trying_a_loss_draws_nothing() -> None:
    pytest.importorskip("pytorch_metric_learning")
    before = torch.get_rng_state()
    metric_loss("MultiSimilarityLoss")
    assert torch.equal(before, torch.get_rng_state())


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_metric_learning", None)
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[train\]"):
        metric_loss("CircleLoss")
