"""A detector's settings in the weights manifest: thresholds, image size, overlap."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from reid_tracker import zoo
from reid_tracker.config import DetectorConfig, Thresholds


def detector_thresholds(config: DetectorConfig) -> Thresholds:
    """Return a detector's thresholds from the weights manifest, or the defaults.

    Raises:
        WeightsError: the model cannot be read.
    """
    entry = _entry_of(config)
    return Thresholds() if entry is None or entry.thresholds is None else entry.thresholds


def with_own_settings(config: DetectorConfig) -> DetectorConfig:
    """Fill in the detector's own overlap and image size where the configuration sets none.

    Raises:
        WeightsError: the model cannot be read.
    """
    entry = _entry_of(config)
    iou, size = 0.7, 640
    if entry is not None:
        iou = iou if entry.iou is None else entry.iou
        size = max(entry.preprocessing.height, entry.preprocessing.width)
    return dataclasses.replace(
        config,
        iou=iou if config.iou is None else config.iou,
        image_size=size if config.image_size is None else config.image_size,
    )


def _entry_of(config: DetectorConfig) -> zoo.Entry | None:
    """Find the manifest entry of a detector by name or file content; download nothing."""
    path = Path(config.model)
    name = config.model if path.exists() else config.model.removesuffix(".pt")
    found = zoo.best("detector") if name == "auto" else None
    return found[0] if found else zoo.recognise(name, path, "detector")
