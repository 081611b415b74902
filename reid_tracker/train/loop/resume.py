"""Checks whether a run can be resumed from a checkpoint with a changed recipe."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path
from typing import Any

from reid_tracker.config.checked import from_mapping
from reid_tracker.config.safe_yaml import load_yaml
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.train.checkpoint import read_checkpoint
from reid_tracker.train.recipe import Recipe

logger = logging.getLogger(__name__)


def read_earlier(path: Path, recipe: Recipe) -> dict[str, Any]:
    """Read a checkpoint and check that a recipe can continue it.

    Args:
        path: the checkpoint.
        recipe: may differ from the checkpoint's in what is not tied to its weights, its optimiser's
            moments and the held-out identities; then it takes effect, after a warning.

    Raises:
        WeightsError: the file is missing, damaged, or no training checkpoint of this version.
        ConfigError: the recipes differ in something else.
    """
    content = read_checkpoint(path)
    earlier = _parse(content["recipe"], path)
    before, now = _fixed(earlier), _fixed(recipe)
    for key in before:
        if before[key] != now[key]:
            raise ConfigError(
                f"{key} = {now[key]}: the run in {path.parent} was begun with {before[key]}, and "
                "cannot go on with another; set it back, or start again with another --output"
            )
    if earlier != recipe:
        logger.warning("%s was made by another recipe; the run goes on with the new one", path)
    return content


def _parse(text: str, path: Path) -> Recipe:
    """Read a recipe as an object: one written by an older version lacks keys that are new."""
    try:
        return from_mapping(Recipe, load_yaml(text))
    except (ConfigError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{path}: its recipe is of another version ({reason}); start again with another "
            "--output"
        ) from None


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that must not change during a run, by dotted key."""
    data = dataclasses.asdict(recipe.data)
    # A folder may have been moved, and the cache changes nothing.
    for part in (data, *data["parts"]):
        del part["root"]
    del data["cache_gib"]
    return {
        **{f"data.{key}": value for key, value in data.items()},
        **{f"model.{key}": value for key, value in dataclasses.asdict(recipe.model).items()},
        "optimiser.name": recipe.optimiser.name,
        "optimiser.decay_norms": recipe.optimiser.decay_norms,
        "seed": recipe.seed,
    }
