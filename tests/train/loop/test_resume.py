"""Which recipes a run can go on with, and that what they change takes effect."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.train.checkpoint import read_checkpoint, save_checkpoint
from reid_tracker.train.loop.resume import read_earlier
from reid_tracker.train.loop.state import TrainingState
from reid_tracker.train.recipe import OptimiserRecipe, Recipe
from tests.train.samples import tiny_recipe

ROOT = Path("data")


def build(recipe: Recipe, identities: int = 6) -> TrainingState:
    return TrainingState(recipe, identities, torch.device("cpu"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """After one step of the tiny recipe."""
    state = build(tiny_recipe(ROOT))
    for parameter in state.net.parameters():
        parameter.grad = torch.ones_like(parameter)
    state.optimiser.step()
    state.save(tmp_path / "last.pth")
    return tmp_path / "last.pth"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"model": {"name": "osnet_x0_5"}}, "model.name = osnet_x0_5"),
        ({"model": {"streams": 2}}, "model.streams = 2"),
        ({"model": {"lite": False}}, "model.lite = False"),
        ({"data": {"holdout_identities": 3}}, "data.holdout_identities = 3"),
        ({"data": {"name": "csv"}}, "data.name = csv"),
        ({"seed": 2}, "seed = 2"),
        ({"optimiser": {"name": "sgd"}}, "optimiser.name = sgd"),
        ({"optimiser": {"decay_norms": False}}, "optimiser.decay_norms = False"),
    ],
)
def test_what_a_run_keeps(checkpoint: Path, changes: dict[str, Any], key: str) -> None:
    message = f"{key}: the run in .* was started with .*; set it back, or restart"
    with pytest.raises(ConfigError, match=message):
        read_earlier(checkpoint, tiny_recipe(ROOT, **changes))


@pytest.mark.slow
def test_what_may_change_is_a_warning(checkpoint: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_earlier(checkpoint, tiny_recipe(ROOT))
    assert not caplog.text
    with caplog.at_level(logging.WARNING):
        read_earlier(checkpoint, tiny_recipe(Path("moved"), validate_epochs=2))
    assert "made with another recipe; the run continues with the new one" in caplog.text


@pytest.mark.slow
def test_keys_that_an_older_version_did_not_know(
    checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = tiny_recipe(ROOT)
    content = read_checkpoint(checkpoint)
    lines = to_yaml(recipe).splitlines(keepends=True)
    content["recipe"] = "".join(line for line in lines if "camera" not in line)
    save_checkpoint(content, checkpoint)
    read_earlier(checkpoint, recipe)
    assert not caplog.text
    save_checkpoint({**content, "recipe": "speed: 3"}, checkpoint)
    with pytest.raises(WeightsError, match="its recipe is of another version"):
        read_earlier(checkpoint, recipe)


@pytest.mark.slow
def test_new_settings_of_the_optimiser_take_effect(checkpoint: Path) -> None:
    recipe = tiny_recipe(ROOT)
    settings: dict[str, Any] = {"weight_decay": 0.125, "beta1": 0.5, "beta2": 0.75}
    changed = replace(recipe, optimiser=replace(recipe.optimiser, **settings))
    state = build(changed)
    state.load(checkpoint)
    (group,) = state.optimiser.param_groups
    assert (group["weight_decay"], group["betas"]) == (0.125, (0.5, 0.75))
    moments = state.optimiser.state[group["params"][0]]
    assert moments["step"] == 1
    assert moments["exp_avg"].any()


@pytest.mark.slow
def test_same_recipe_restores_the_optimiser(checkpoint: Path) -> None:
    state = build(tiny_recipe(ROOT))
    state.load(checkpoint)
    saved = read_checkpoint(checkpoint)["optimiser"]["param_groups"]
    assert state.optimiser.state_dict()["param_groups"] == saved


def test_momentum_of_sgd_takes_effect(tmp_path: Path) -> None:
    recipe = tiny_recipe(ROOT, optimiser={"name": "sgd", "decay_norms": False})
    build(recipe).save(tmp_path / "last.pth")
    optimiser: OptimiserRecipe = replace(recipe.optimiser, momentum=0.25, weight_decay=0.5)
    state = build(replace(recipe, optimiser=optimiser))
    state.load(tmp_path / "last.pth")
    found = [(group["momentum"], group["weight_decay"]) for group in state.optimiser.param_groups]
    assert found == [(0.25, 0.5), (0.25, 0.0)]


@pytest.mark.slow
def test_checkpoint_of_other_identities(checkpoint: Path) -> None:
    with pytest.raises(WeightsError, match=r"last\.pth is a checkpoint of another architecture or"):
        build(tiny_recipe(ROOT), identities=7).load(checkpoint)
