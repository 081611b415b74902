from __future__ import annotations

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.loop.optimiser import build_optimiser, learning_rate_factor
from reid_tracker.train.recipe import OptimiserRecipe, ScheduleRecipe


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


def factors(recipe: ScheduleRecipe, epochs: int, steps: int = 1) -> list[float]:
    return [
        learning_rate_factor(recipe, epoch=e, step=s, steps_per_epoch=steps, epochs=epochs)
        for e in range(epochs)
        for s in range(steps)
    ]


def torch_factors(make: type[LRScheduler], epochs: int, **options: object) -> list[float]:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = make(optimiser, **options)  # type: ignore[arg-type]
    found = []
    for _ in range(epochs):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


def test_step_is_torchs_multi_step() -> None:
    recipe = ScheduleRecipe("step", milestones=(3, 5), gamma=0.1)
    expected = torch_factors(MultiStepLR, 8, milestones=[3, 5], gamma=0.1)
    assert factors(recipe, 8) == pytest.approx(expected)


def test_cosine_is_torchs_annealing() -> None:
    expected = torch_factors(CosineAnnealingLR, 12, T_max=12)
    assert factors(ScheduleRecipe("cosine"), 12) == pytest.approx(expected)


def test_cosine_by_step_falls_within_an_epoch() -> None:
    found = factors(ScheduleRecipe("cosine", by_step=True), 2, steps=4)
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 8
    assert found[4] == pytest.approx(0.5)


def test_warm_up_grows_linearly_and_is_over_after_its_steps() -> None:
    found = factors(ScheduleRecipe("constant", warmup_steps=4), 2, steps=3)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_a_constant_rate_falls_to_zero_over_the_finish() -> None:
    found = factors(ScheduleRecipe("constant", finish_epochs=2), 4, steps=2)
    assert found[:4] == [1, 1, 1, 1]
    assert found[4:] == pytest.approx([1, 0.5 * (1 + 2**-0.5), 0.5, 0.5 * (1 - 2**-0.5)])
