"""Thresholds that suit a detector."""

from __future__ import annotations

from pathlib import Path

from reid_tracker import zoo
from reid_tracker.config import DetectorConfig, Thresholds


def detector_thresholds(config: DetectorConfig) -> Thresholds:
    """Return the thresholds of the weights manifest for a detector, or the defaults.

    A model of the manifest is recognised by its name, and by its file in any place. Nothing is
    downloaded.

    Raises:
        WeightsError: the model cannot be read.
    """
    path = Path(config.model)
    name = config.model if path.exists() else config.model.removesuffix(".pt")
    found = zoo.best("detector") if name == "auto" else None
    entry = found[0] if found else zoo.recognise(name, path, "detector")
    return Thresholds() if entry is None or entry.thresholds is None else entry.thresholds
