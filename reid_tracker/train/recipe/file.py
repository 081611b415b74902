"""Finds and reads recipe files of encoders and detectors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from reid_tracker.config import load_config, read_yaml
from reid_tracker.config.checked import Checked
from reid_tracker.errors import ConfigError
from reid_tracker.resources import shipped

_OWN_KEYS = {
    "train": {"data", "model", "loss", "phases"},
    "train-detector": {"architecture", "pictures"},
}
"""Keys that only the recipes of one command have."""

RecipeT = TypeVar("RecipeT", bound=Checked)


def read_recipe(
    source: str | Path, overrides: Mapping[str, Any] | None, kind: type[RecipeT]
) -> RecipeT:
    """Read a recipe from a file, or by its name in configs/train/.

    Raises:
        ConfigError: the recipe does not exist (the message suggests a similar one), is for another
            command, a key is unknown, or a value is invalid.
    """
    own = _commands({item.name for item in fields(kind)})
    path = Path(source)
    if not path.is_file():
        folder = shipped("configs", "train")
        path = folder / f"{source}.yaml"
        if not path.is_file():
            found = sorted(folder.glob("*.yaml"))
            names = [item.stem for item in found if own & _commands(read_yaml(item))]
            close = difflib.get_close_matches(Path(source).stem, names, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"no recipe '{source}': {hint}expected a YAML file or one of {', '.join(names)}"
            )
    commands = _commands(read_yaml(path))
    if commands and not commands & own:
        raise ConfigError(f"{source} is a recipe for `reid-track {min(commands)}`")
    return load_config(path, overrides, kind=kind)


def _commands(keys: Iterable[str]) -> set[str]:
    """Return the commands that these keys belong to."""
    return {command for command, own in _OWN_KEYS.items() if not own.isdisjoint(keys)}
