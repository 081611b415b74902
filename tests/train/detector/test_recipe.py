from __future__ import annotations

from typing import Any

import pytest

from reid_tracker.config import load_config
from reid_tracker.config.checked import from_mapping, to_yaml
from reid_tracker.errors import ConfigError
from reid_tracker.train.detector import DetectorRecipe, load_detector_recipe
from tests.conftest import ROOT

NAMES = sorted(
    path.stem
    for path in (ROOT / "configs" / "train").glob("*.yaml")
    if path.read_text().find("\npictures:") >= 0
)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes(name: str) -> None:
    recipe = load_detector_recipe(name)
    assert recipe == load_detector_recipe(ROOT / "configs" / "train" / f"{name}.yaml")
    assert recipe.plain_epochs < recipe.epochs
    assert recipe.pictures.side_px >= recipe.image_size


def test_the_recipe_of_the_shipped_detector_is_there() -> None:
    assert "person_yolo11n" in NAMES


def test_a_recipe_survives_yaml(tmp_path: Any) -> None:
    recipe = load_detector_recipe("person_yolo11n", {"pictures.crops": 7, "hsv": [0.1, 0.2, 0.3]})
    assert recipe.pictures.crops == 7
    (tmp_path / "a.yaml").write_text(to_yaml(recipe))
    assert load_config(tmp_path / "a.yaml", kind=DetectorRecipe) == recipe


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch': did you mean 'epochs'"),
        ({"pictures": {"vidoes": []}}, r"key 'pictures\.vidoes': did you mean 'pictures\.videos'"),
        ({"epochs": 0}, "epochs = 0: expected a number at least 1"),
        ({"pictures": {"composed": 1.5}}, r"pictures\.composed = 1\.5: expected .* at most 1"),
        ({"hsv": [0.1, 0.2]}, r"hsv = \[0\.1, 0\.2\]: expected three numbers"),
        ({"architecture": "yolo11n.pt"}, r"architecture = yolo11n\.pt: expected a model descr"),
        ({"distillation": 0.5}, r"distillation = 0\.5: expected a pictures\.teacher"),
        (
            {"distillation": 0.5, "multi_scale": 0.2, "pictures": {"teacher": "a"}},
            "expected a pictures.teacher, and multi_scale = 0",
        ),
        (
            {"pictures": {"min_height_px": 90, "max_height_px": 80}},
            r"pictures\.min_height_px = 90: expected at most max_height_px = 80",
        ),
    ],
)
def test_values_that_do_not_fit(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(DetectorRecipe, data)


def test_unknown_recipe() -> None:
    with pytest.raises(
        ConfigError,
        match="no recipe 'nonsense': expected a YAML file or one of person_yolo11n, person_",
    ):
        load_detector_recipe("nonsense")


def test_recipe_of_an_encoder_names_its_command() -> None:
    with pytest.raises(ConfigError, match=r"paper_scratch is a recipe for `reid-track train`$"):
        load_detector_recipe("paper_scratch")
