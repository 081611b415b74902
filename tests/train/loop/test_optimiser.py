from __future__ import annotations

import torch

from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.loop.optimiser import build_optimiser
from reid_tracker.train.recipe import OptimiserRecipe


def test_kinds() -> None:
    net = osnet_x0_25()
    sgd = build_optimiser(net, OptimiserRecipe("sgd", lr=0.065, momentum=0.9))
    assert isinstance(sgd, torch.optim.SGD)
    assert sgd.defaults["momentum"] == 0.9
    amsgrad = build_optimiser(net, OptimiserRecipe("amsgrad"))
    assert type(amsgrad) is torch.optim.Adam
    assert amsgrad.defaults["amsgrad"]
    assert isinstance(build_optimiser(net, OptimiserRecipe("adamw")), torch.optim.AdamW)


def test_every_parameter_is_in_one_group() -> None:
    net = osnet_x0_25(4)
    for decay_norms in (True, False):
        groups = build_optimiser(net, OptimiserRecipe(decay_norms=decay_norms)).param_groups
        found = [parameter for group in groups for parameter in group["params"]]
        assert len(found) == len({id(p) for p in found}) == len(list(net.parameters()))
    vectors = groups[1]
    assert vectors["weight_decay"] == 0
    assert all(parameter.ndim <= 1 for parameter in vectors["params"])


def test_sgd_is_the_textbook_step() -> None:
    layer = torch.nn.Linear(1, 1, bias=False)
    start = layer.weight.item()
    optimiser = build_optimiser(layer, OptimiserRecipe("sgd", lr=0.1, weight_decay=0.5))
    layer(torch.ones(1, 1)).sum().backward()
    optimiser.step()
    assert abs(layer.weight.item() - (start - 0.1 * (1 + 0.5 * start))) < 1e-6
