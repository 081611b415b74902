from __future__ import annotations

import pytest

from reid_tracker.errors import ConfigError
from reid_tracker.train.recipe import LossRecipe, ModelRecipe, OptimiserRecipe, ScheduleRecipe


@pytest.mark.parametrize(
    ("weights", "zero", "distils"),
    [
        ({}, True, False),
        ({"am_softmax": 0.1}, False, False),
        ({"triplet": 0.1}, False, False),
        ({"metric": "CircleLoss"}, False, False),
        ({"metric": "CircleLoss", "metric_weight": 0.0}, True, False),
        ({"distil_relation": 0.1}, False, True),
        ({"distil_cosine": 0.1}, False, True),
    ],
)
def test_what_there_is_to_learn(weights: dict[str, object], zero: bool, distils: bool) -> None:
    recipe = LossRecipe(cross_entropy=0.0, **weights)  # type: ignore[arg-type]
    assert (recipe.is_zero, recipe.distils) == (zero, distils)


def test_wrong_values_are_named() -> None:
    with pytest.raises(ConfigError, match="name = adam: expected one of sgd, amsgrad, adamw"):
        OptimiserRecipe(name="adam")
    with pytest.raises(ConfigError, match="name = poly: expected one of constant, step, cosine"):
        ScheduleRecipe(name="poly")
    with pytest.raises(ConfigError, match="am_scale = 0"):
        LossRecipe(am_scale=0.0)
    with pytest.raises(ConfigError, match="keep one of the two"):
        ModelRecipe(weights="a", side_by_side=("b",))
