from __future__ import annotations

import pytest
import torch
from torch import nn

from reid_tracker.osnet import OSNETS, EmbeddingNet, fold_batch_norm, osnet_x0_25
from reid_tracker.osnet.fold import batch_norm_pairs


def with_random_norms(net: EmbeddingNet) -> EmbeddingNet:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return net.eval()


def largest_difference(net: EmbeddingNet) -> float:
    """Relative to the largest value."""
    x = torch.randn(2, 3, 64, 32, dtype=next(net.parameters()).dtype)
    with torch.no_grad():
        expected, got = net(x), fold_batch_norm(net)(x)
    assert expected.abs().max() > 0
    return float((got - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if "x0_25" in name else pytest.mark.slow) for name in OSNETS],
)
def test_folded_net_equals_the_net(name: str) -> None:
    assert largest_difference(with_random_norms(OSNETS[name]())) < 1e-5


@pytest.mark.parametrize("name", ["osnet_x0_25", "osnet_ain_x0_25"])
def test_folding_is_exact_but_for_rounding(name: str) -> None:
    assert largest_difference(with_random_norms(OSNETS[name]()).double()) < 1e-13


@pytest.mark.parametrize(
    "options",
    [{"aggregation": "concat"}, {"aggregation": "fixed", "streams": 2}, {"lite": False}],
)
def test_ablation_nets_fold_too(options: dict[str, object]) -> None:
    assert largest_difference(with_random_norms(OSNETS["osnet_x0_25"](**options))) < 1e-5


def test_no_batch_norm_is_left_and_instance_norm_stays() -> None:
    folded = fold_batch_norm(OSNETS["osnet_ain_x0_25"]())
    assert not any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d) for m in folded.modules())
    assert sum(isinstance(m, nn.InstanceNorm2d) for m in folded.modules()) == 5


def test_every_batch_norm_has_a_partner() -> None:
    net = osnet_x0_25()
    norms = {
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
    }
    assert len(norms) == 80
    assert {norm for _, norm in batch_norm_pairs(net)} == norms


def test_folding_leaves_the_original_alone_and_can_be_repeated() -> None:
    net = osnet_x0_25(num_classes=3).train()
    keys = list(net.state_dict())
    folded = fold_batch_norm(net)
    assert net.training
    assert list(net.state_dict()) == keys
    assert not folded.training
    assert not any(parameter.requires_grad for parameter in folded.parameters())
    again = fold_batch_norm(folded)
    x = torch.randn(1, 3, 64, 32)
    assert torch.equal(folded(x), again(x))
