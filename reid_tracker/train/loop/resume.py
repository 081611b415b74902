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
        recipe: may differ from the checkpoint's recipe, with a warning, except in settings that
            determine weights, optimiser moments or held-out identities.

    Raises:
        WeightsError: the file is missing, damaged, or not a training checkpoint of this version.
        ConfigError: the recipes differ in one of these settings.
    """
    content = read_checkpoint(path)
    earlier = _parse(content["recipe"], path)
    before, now = _fixed(earlier), _fixed(recipe)
    for key in before:
        if before[key] != now[key]:
            raise ConfigError(
                f"{key} = {now[key]}: the run in {path.parent} was started with {before[key]}, and "
                "cannot continue with another value; set it back, or restart with another --output"
            )
    if earlier != recipe:
        logger.warning("%s was made with another recipe; the run continues with the new one", path)
    return content


def _parse(text: str, path: Path) -> Recipe:
    """Read a recipe as an object; a recipe of an older version lacks new keys."""
    try:
        return from_mapping(Recipe, load_yaml(text))
    except (ConfigError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise WeightsError(
            f"{path}: its recipe is of another version ({reason}); restart with another --output"
        ) from None


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that must not change during a run, by dotted key."""
    data = dataclasses.asdict(recipe.data)
    # Folders may have been moved, and the cache does not affect results.
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
