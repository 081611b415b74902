"""Make a tracker from a preset name, a YAML file or a configuration object."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.config import DeepSortConfig, load_config
from reid_tracker.track.base import Tracker
from reid_tracker.track.deepsort import DeepSort


def build_tracker(config: str | Path | DeepSortConfig = "deepsort") -> Tracker:
    """Make a tracker; each call makes an independent one with its own ids.

    Args:
        config: the name of a file in configs/trackers/ ("deepsort"), the path of a YAML file with
            keys of `DeepSortConfig`, or such an object.

    Raises:
        ConfigError: no such preset or file, or a key or value in it is wrong.
    """
    if not isinstance(config, DeepSortConfig):
        config = load_config(config, kind=DeepSortConfig)
    return DeepSort(config)
