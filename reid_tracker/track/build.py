"""Make a tracker from a preset name, a YAML file or a configuration object."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from reid_tracker.config import DeepSortConfig, load_config
from reid_tracker.config.checked import from_mapping
from reid_tracker.track.base import Tracker
from reid_tracker.track.deepsort import DeepSort


def build_tracker(
    config: str | Path | DeepSortConfig = "default", **options: float | None
) -> Tracker:
    """Make a tracker with its own ids.

    Args:
        config: name of a file in configs/trackers/ ("default"), path of a YAML file with the keys
            of `DeepSortConfig`, or a `DeepSortConfig`.
        options: fields of `DeepSortConfig` that override `config`: `build_tracker(max_age_s=3)`.

    Raises:
        ConfigError: the preset or file does not exist, or a key or value is wrong.
    """
    if not isinstance(config, DeepSortConfig):
        config = load_config(config, kind=DeepSortConfig)
    if options:
        values = {field.name: getattr(config, field.name) for field in fields(config)}
        config = from_mapping(DeepSortConfig, {**values, **options})
    return DeepSort(config)
