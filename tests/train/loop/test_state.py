from __future__ import annotations

from pathlib import Path

import pytest
import torch

from reid_tracker.errors import WeightsError
from reid_tracker.osnet import load_checkpoint
from reid_tracker.train.loop.state import TrainingState
from reid_tracker.train.recipe import Recipe
from tests.train.samples import TAUGHT, tiny_recipe

WIDTHS = (5, 3)


def build(recipe: Recipe, widths: tuple[int, ...] = WIDTHS) -> TrainingState:
    return TrainingState(recipe, 6, torch.device("cpu"), widths=widths)


@pytest.fixture
def recipe() -> Recipe:
    return tiny_recipe(Path("data"), **TAUGHT)


def test_heads_and_classifier_come_back(recipe: Recipe, tmp_path: Path) -> None:
    state = build(recipe)
    with torch.no_grad():
        for parameter in state.student.parameters():
            parameter.add_(1)
    state.sums.add({"total": torch.tensor(3.0)})
    state.save(tmp_path / "last.pth")
    again = build(recipe)
    again.load(tmp_path / "last.pth")
    weights, expected = again.student.state_dict(), state.student.state_dict()
    assert {"heads.0.weight", "heads.1.weight", "normed.weight"} <= expected.keys()
    assert all(weights[name].equal(value) for name, value in expected.items())
    assert again.sums.values() == {"total": 3.0}


def test_an_encoder_gets_the_net_alone(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe).save(tmp_path / "last.pth")
    names = load_checkpoint(tmp_path / "last.pth").keys()
    assert not any(name.startswith(("heads", "normed", "classifier")) for name in names)


def test_checkpoint_with_other_teachers(recipe: Recipe, tmp_path: Path) -> None:
    build(recipe).save(tmp_path / "last.pth")
    with pytest.raises(WeightsError, match=r"another architecture or data set: .* heads\.0"):
        build(recipe, (7, 3)).load(tmp_path / "last.pth")
