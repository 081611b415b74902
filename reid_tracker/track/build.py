"""Make a tracker from a preset name, a YAML file or a configuration object."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.config import DeepSortConfig, load_config
from reid_tracker.track.base import Tracker
from reid_tracker.track.deepsort import DeepSort


def build_tracker(config: str | Path | DeepSortConfig = "deepsort") -> Tracker:
    """Make a tracker with its own ids.

    Args:
        config: name of a file in configs/trackers/ ("deepsort"), path of a YAML file with the keys
            of `DeepSortConfig`, or a `DeepSortConfig`.

    Raises:
        ConfigError: the preset or file does not exist, or a key or value in it is wrong.
    """
    if not isinstance(config, DeepSortConfig):
        config = load_config(config, kind=DeepSortConfig)
    return DeepSort(config)
