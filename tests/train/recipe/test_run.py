from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.config import parse_override
from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe import (
    LossRecipe,
    Phase,
    Recipe,
    load_recipe,
)
from tests.conftest import ROOT

DETECTORS = ("person_yolo11n", "person_yolo11n_distilled")
RECIPES = sorted(
    path for path in (ROOT / "configs" / "train").glob("*.yaml") if path.stem not in DETECTORS
)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_load_by_name(path: Path) -> None:
    assert load_recipe(path.stem) == load_recipe(path)


def test_recipe_survives_yaml(tmp_path: Path) -> None:
    recipe = load_recipe("osnet_x0_25_without_market")
    file = tmp_path / "copy.yaml"
    file.write_text(to_yaml(recipe))
    assert load_recipe(file) == recipe


def test_scratch_recipe_is_the_published_one() -> None:
    recipe = load_recipe("paper_scratch")
    assert (recipe.model.name, recipe.model.weights) == ("osnet_x1_0", "")
    assert (recipe.optimiser.name, recipe.optimiser.lr) == ("sgd", 0.065)
    assert (recipe.optimiser.momentum, recipe.optimiser.weight_decay) == (0.9, 5e-4)
    assert (recipe.schedule.name, recipe.schedule.milestones) == ("step", (150, 225, 300))
    assert recipe.schedule.frozen_epochs == 0
    assert (recipe.sampler.name, recipe.sampler.batch_size) == ("random", 64)
    assert (recipe.augment.flip, recipe.augment.crop, recipe.augment.erase) == (0.5, 0.5, 0.5)
    assert recipe.loss == LossRecipe(cross_entropy=1.0, label_smoothing=0.1)
    assert recipe.phases == (Phase(350, 256, 128),)


def test_finetune_recipe_is_the_published_one() -> None:
    recipe = load_recipe("paper_finetune")
    optimiser = recipe.optimiser
    assert (optimiser.name, optimiser.lr, optimiser.weight_decay) == ("amsgrad", 0.0015, 5e-4)
    assert (optimiser.beta1, optimiser.beta2, optimiser.decay_norms) == (0.9, 0.999, True)
    assert (recipe.schedule.name, recipe.schedule.milestones) == ("step", (60,))
    assert (recipe.schedule.gamma, recipe.schedule.frozen_epochs) == (0.1, 10)
    assert (recipe.sampler.name, recipe.sampler.batch_size) == ("random", 64)
    assert recipe.phases == (Phase(150, 256, 128),)


def test_own_recipes_never_see_the_test_people() -> None:
    recipes = [load_recipe(path) for path in RECIPES if path.stem.startswith("osnet")]
    text = "".join(map(to_yaml, recipes))
    assert not any(word in text for word in ("PETS", "TUD", "multicam", "cache/", "cuhk03/val"))


def test_own_recipes_form_a_chain_of_two_commands() -> None:
    first, second = (load_recipe(f"osnet_x0_25{end}") for end in ("_without_market", ""))
    assert first.model.weights.startswith("weights/")
    assert second.model.weights == "runs/train-osnet_x0_25_without_market/last.pth"
    names = [{part.name for part in recipe.data.parts} for recipe in (first, second)]
    assert names[1] - names[0] == {"market1501"}


def test_phases_follow_each_other() -> None:
    small, large = Phase(2, 128, 64), Phase(1, 256, 128)
    recipe = Recipe(phases=(small, large))
    assert recipe.epochs == 3
    assert [recipe.phase_at(epoch) for epoch in range(3)] == [small, small, large]


def test_overrides_go_on_top() -> None:
    assert load_recipe("paper_scratch", {"optimiser.lr": 0.1}).optimiser.lr == 0.1
    emptied = dict([parse_override("model.weights=")])
    assert load_recipe("osnet_x0_25_without_market", emptied).model.weights == ""


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"optimizer.lr": 1}, "unknown key 'optimizer'.*did you mean 'optimiser'"),
        ({"optimiser.name": "adam"}, "optimiser.name = adam: expected one of sgd, amsgrad, adamw"),
        ({"optimiser.name": "adam" * 999}, "...adamadamadamadamadamadamadamadamadamadam: expected"),
        ({"schedule.name": "poly"}, "schedule.name = poly"),
        ({"sampler.name": "all"}, "sampler.name = all"),
        ({"precision": "int8"}, "precision = int8"),
        ({"augment.flip": 2}, "augment.flip = 2"),
        ({"phases": []}, "phases"),
        ({"phases": [{"epochs": 0}]}, "epochs = 0"),
        ({"loss.distil_cosine": 1}, "teacher.models is empty"),
        ({"sampler.name": "pk", "sampler.batch_size": 20}, "sampler.batch_size = 20"),
        ({"loss.cross_entropy": 0}, "loss: all weights are 0"),
        (
            {"loss": {"cross_entropy": 0, "metric": "CircleLoss", "metric_weight": 0}},
            "loss: all weights are 0",
        ),
        (
            {"loss.cross_entropy": 0, "loss.triplet": 1, "schedule.frozen_epochs": 3},
            r"schedule\.frozen_epochs = 3: .* but loss\.cross_entropy is 0",
        ),
    ],
)
def test_wrong_recipes(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("paper_scratch", overrides)
