from __future__ import annotations

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe import load_recipe


def test_unknown_recipe_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=r"no recipe 'nowhere'.*paper_finetune, paper_scratch$"
    ) as caught:
        load_recipe("nowhere")
    assert "person_yolo11n" not in str(caught.value)


def test_unknown_recipe_suggests_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"no recipe 'paper_scrach': did you mean paper_scratch"):
        load_recipe("paper_scrach")


def test_recipe_of_a_detector_names_its_command() -> None:
    with pytest.raises(
        ConfigError, match=r"person_yolo11n is a recipe for `reid-track train-detector`$"
    ):
        load_recipe("person_yolo11n", {"optimiser.lr": 0.1})
