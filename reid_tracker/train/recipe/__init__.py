"""Training recipes: frozen dataclasses with checked values, read from YAML."""

from reid_tracker.train.recipe.data import AugmentRecipe, DataRecipe, PartRecipe, SamplerRecipe
from reid_tracker.train.recipe.learning import (
    LossRecipe,
    ModelRecipe,
    OptimiserRecipe,
    ScheduleRecipe,
    TeacherRecipe,
)
from reid_tracker.train.recipe.run import Phase, Recipe, load_recipe

__all__ = [
    "AugmentRecipe",
    "DataRecipe",
    "LossRecipe",
    "ModelRecipe",
    "OptimiserRecipe",
    "PartRecipe",
    "Phase",
    "Recipe",
    "SamplerRecipe",
    "ScheduleRecipe",
    "TeacherRecipe",
    "load_recipe",
]
