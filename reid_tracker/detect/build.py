"""Chooses and builds the detector that a name, a file or a configuration means."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reid_tracker import zoo
from reid_tracker.config import DetectorConfig
from reid_tracker.config.checked import from_mapping
from reid_tracker.detect.base import Detector
from reid_tracker.errors import ConfigError, WeightsError

logger = logging.getLogger(__name__)


def build_detector(
    model: str | Path | DetectorConfig,
    *,
    conf: float | None = None,
    iou: float | None = None,
    image_size: int | None = None,
    imgsz: int | None = None,
    classes: int | str | Sequence[int | str] | None = None,
    device: str | None = None,
    half: bool | None = None,
    max_detections: int | None = None,
) -> Detector:
    """Build a detector.

    Args:
        model: "auto", the best detector on this machine, for which nothing is downloaded; a name of
            `reid-track weights list` or of ultralytics ("yolo11n.pt"), which is downloaded where it
            is not here; a model file or folder that ultralytics loads (.pt, .onnx,
            *_openvino_model, .engine); a MOTChallenge detection file (.txt) to replay; or a
            configuration, whose fields the keywords below override. A .pt file can run code when it
            is loaded: take it from a source you trust.
        conf: detections below it are dropped.
        iou: overlap above which non-maximum suppression drops the weaker of two boxes.
        image_size: side in pixels to which the longer side of a frame is scaled; `imgsz` is the
            same by ultralytics' name.
        imgsz: see `image_size`.
        classes: class numbers or names to keep, by default "person"; an empty list keeps all.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16 (GPU only).
        max_detections: most boxes kept in a frame.

    Returns:
        The detector, loaded and tried on a black frame. A replay has neither network nor frames,
        so only conf, classes and max_detections apply to it.

    Raises:
        ConfigError: an option, a class or the device is unknown here.
        WeightsError: the model is missing, damaged, or no detector; or none is here for "auto".
        MissingDependencyError: the model needs a package that is not installed.
        InputError: a line of a detection file is malformed.
    """
    config = _merge(
        model,
        confidence=conf,
        iou=iou,
        image_size=image_size if imgsz is None else imgsz,
        classes=classes if classes is None or isinstance(classes, int | str) else list(classes),
        device=device,
        half=half,
        max_detections=max_detections,
    )
    if config.model.lower().endswith(".txt"):
        return _build_replay(config)
    config = dataclasses.replace(config, model=_on_this_machine(config))
    from reid_tracker.detect.ultralytics_backend import UltralyticsDetector

    return UltralyticsDetector(config)


def _merge(model: str | Path | DetectorConfig, **options: Any) -> DetectorConfig:
    config = model if isinstance(model, DetectorConfig) else DetectorConfig(model=str(model))
    given = {key: value for key, value in options.items() if value is not None}
    return from_mapping(DetectorConfig, {**dataclasses.asdict(config), **given}, "detector.")


def _on_this_machine(config: DetectorConfig) -> str:
    """Replace "auto" or a name of the manifest by its path; the latter is downloaded if need be."""
    model = config.model
    if model == "auto":
        from reid_tracker.detect.ultralytics_backend import runs_on_cpu

        found = zoo.best("detector", on_cpu=runs_on_cpu(config.device))
        if found is None:
            raise WeightsError(
                "detector.model = auto: no detector is on this machine; get one with `reid-track "
                "weights pull yolo11n`, or name one with --detector"
            )
        entry, path = found
        logger.info("detector %s: %s", entry.name, path)
        return str(path)
    manifest = zoo.load_manifest()
    known = manifest.known(model.removesuffix(".pt"), "detector")
    if known is None or Path(model).exists():
        return model
    if zoo.locate(known, manifest) is None and not known.shipped:
        # A warning, since a run that was to start now stands still for a while.
        logger.warning("detector %s is not on this machine: downloading it", known.name)
    path = zoo.pull(known.name, manifest=manifest)
    logger.info("detector %s: %s", known.name, path)
    return str(path)


def _build_replay(config: DetectorConfig) -> Detector:
    from reid_tracker.detect.replay import ReplayDetector

    if config.classes and not {0, "0", "person"} & set(config.classes):
        raise ConfigError(
            f"detector.classes = {', '.join(map(str, config.classes))}: the rows of a detection "
            "file are class 0, person; keep that class or all"
        )
    return ReplayDetector(config.model, config.confidence, config.max_detections)
