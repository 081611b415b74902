from __future__ import annotations

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, MultiStepLR

from reid_tracker.osnet import osnet_x0_25
from reid_tracker.train.loop.schedule import learning_rate_factor, set_training_mode
from reid_tracker.train.losses.student import Student
from reid_tracker.train.recipe import ScheduleRecipe


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


def test_cosine_of_a_run_that_ends_before_its_horizon() -> None:
    whole = factors(ScheduleRecipe("cosine"), 12)
    assert factors(ScheduleRecipe("cosine", horizon_epochs=12), 7) == whole[:7]
    beyond = factors(ScheduleRecipe("cosine", horizon_epochs=4), 6)
    assert beyond[4:] == [0, 0]


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


def test_frozen_base_keeps_weights_and_batch_statistics() -> None:
    net = osnet_x0_25(4, return_embeddings=True)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.Adam(net.parameters(), lr=0.1, amsgrad=True, weight_decay=5e-4)
    student = Student(net, 0, ())
    set_training_mode(student, frozen=True)
    logits = student(torch.randn(6, 3, 32, 16)).logits
    optimiser.zero_grad()
    logits.square().sum().backward()
    optimiser.step()
    changed = {name for name, value in net.state_dict().items() if not value.equal(before[name])}
    assert changed == {"classifier.weight", "classifier.bias"}


def test_thawed_base_trains() -> None:
    student = Student(osnet_x0_25(4), 4, (5,))
    set_training_mode(student, frozen=True)
    set_training_mode(student, frozen=False)
    assert all(module.training for module in student.modules())
    assert all(parameter.requires_grad for parameter in student.parameters())
