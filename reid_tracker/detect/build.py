"""Builds a detector from a name, a file or a configuration; `BACK_ENDS` lists the loaders."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from reid_tracker import zoo
from reid_tracker.config import DetectorConfig
from reid_tracker.config.checked import with_options
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
        model: one of the following. "auto": the best detector on this machine, without a download.
            A name of `reid-track weights list` or of ultralytics ("yolo11n.pt"): downloaded if it
            is missing. A model file or folder that ultralytics loads (.pt, .onnx, *_openvino_model,
            .engine); a .pt file can run code when it is loaded, so take it from a source you trust.
            A MOTChallenge detection file (.txt) to replay. A configuration, whose fields the
            keywords below override.
        conf: minimum confidence of detections.
        iou: overlap (IoU) above which non-maximum suppression drops the weaker of two boxes; by
            default the detector's own, or 0.7.
        image_size: frames are scaled so that their longer side has this many pixels; by default the
            detector's own size, or 640.
        imgsz: ultralytics' name for `image_size`.
        classes: class numbers or names to keep, by default "person"; an empty list keeps all.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        half: run in float16 (GPU only).
        max_detections: maximum number of boxes in a frame.

    Returns:
        The detector, loaded and tested on a black frame. For a replay only `conf`, `classes` and
        `max_detections` have an effect.

    Raises:
        ConfigError: an option is invalid, or a class or the device does not exist.
        WeightsError: the model is missing, damaged, or not a detector; or this machine has no
            detector for "auto".
        MissingDependencyError: the model needs a package that is not installed.
        InputError: a line of a detection file is malformed.
    """
    config = with_options(
        model if isinstance(model, DetectorConfig) else DetectorConfig(model=str(model)),
        "detector.",
        confidence=conf,
        iou=iou,
        image_size=image_size if imgsz is None else imgsz,
        classes=classes if classes is None or isinstance(classes, int | str) else list(classes),
        device=device,
        half=half,
        max_detections=max_detections,
    )
    for ending, load in BACK_ENDS.items():
        if config.model.lower().endswith(ending):
            return load(config)
    from reid_tracker.detect.ultralytics_backend import UltralyticsDetector

    return UltralyticsDetector(resolve_model(config))


def resolve_model(config: DetectorConfig) -> DetectorConfig:
    """Replace "auto" or a name of the manifest by the path of its file; download it if needed.

    Returns:
        The configuration with the path of the file, or unchanged for other models.

    Raises:
        WeightsError: this machine has no detector for "auto", or the download fails.
    """
    model = config.model
    if model == "auto":
        from reid_tracker.detect.ultralytics_backend import runs_on_cpu

        found = zoo.best("detector", on_cpu=runs_on_cpu(config.device))
        if found is None:
            raise WeightsError(
                "detector.model = auto: this machine has no detector; get one with `reid-track "
                "weights pull yolo11n`, or name one with --detector"
            )
        entry, path = found
        logger.info("detector %s: %s", entry.name, path)
        return dataclasses.replace(config, model=str(path))
    manifest = zoo.load_manifest()
    known = manifest.known(model.removesuffix(".pt"), "detector")
    if known is None or Path(model).exists():
        return config
    if zoo.locate(known, manifest) is None and not known.shipped:
        # A warning, so that it is logged by default: the download delays the start.
        logger.warning("detector %s is not on this machine; downloading it", known.name)
    path = zoo.pull(known.name, manifest=manifest)
    logger.info("detector %s: %s", known.name, path)
    return dataclasses.replace(config, model=str(path))


def _load_replay(config: DetectorConfig) -> Detector:
    from reid_tracker.detect.replay import ReplayDetector

    if config.classes and not {0, "0", "person"} & set(config.classes):
        raise ConfigError(
            f"detector.classes = {', '.join(map(str, config.classes))}: the rows of a detection "
            "file are class 0, person; keep that class or all"
        )
    return ReplayDetector(config.model, config.confidence, config.max_detections)


BACK_ENDS: dict[str, Callable[[DetectorConfig], Detector]] = {".txt": _load_replay}
"""Loaders by the ending of the model's name in lower case; ultralytics loads all other models.

A loader imports its heavy packages itself.
"""
