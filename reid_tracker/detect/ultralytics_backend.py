"""Detection with ultralytics: YOLO and RT-DETR in every format that it runs.

No other module imports ultralytics. It and its run-times are kept from installing packages, sending
statistics and printing. ultralytics still creates its settings file if there is none.
"""

from __future__ import annotations

import difflib
import gc
import importlib.util
import logging
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

import numpy as np

from reid_tracker.config import DetectorConfig
from reid_tracker.detect.base import check_batch
from reid_tracker.detect.thresholds import with_own_settings
from reid_tracker.errors import ConfigError, MissingDependencyError, WeightsError
from reid_tracker.telemetry import silence_telemetry
from reid_tracker.types import Detections, ImageBGR

logger = logging.getLogger(__name__)

_RUNTIMES = {
    "_openvino_model": ("openvino", "reid-tracker[openvino]"),
    ".onnx": ("onnxruntime", "onnxruntime"),
    ".engine": ("tensorrt", "tensorrt"),
}
"""Module and pip package that an exported model needs, by the ending of its name."""

_TASKS = ("detect", "segment", "pose", "obb")
_MAX_REASON = 200


class UltralyticsDetector:
    """A `Detector` that runs an ultralytics model.

    Args:
        config: model and options; see `DetectorConfig`.

    Raises:
        ConfigError: a class or the device does not exist.
        WeightsError: the model is missing, damaged, or not a detector.
        MissingDependencyError: the model needs a package that is not installed.
    """

    def __init__(self, config: DetectorConfig) -> None:
        yolo = import_yolo()
        config = with_own_settings(config)
        device = _check_device(config.device)
        _check_exists(config.model)
        _check_runtime(config.model)
        self._options: dict[str, Any] = {
            "conf": config.confidence,
            "iou": config.iou,
            "imgsz": config.image_size,
            "max_det": config.max_detections,
            "verbose": False,
            **({} if device is None else {"device": device}),
            **({"half": True} if _in_half(config) else {}),
        }
        self._model, black = _load(yolo, config, self._options)
        _take_image_size(self._model.predictor.model, self._options["imgsz"])
        self.class_names = dict(self._model.names)
        self._options["classes"] = _class_numbers(config.classes, self._model.names)
        self._static_batch = _static_batch(self._model.predictor.model)
        _to_detections(black)
        self._lock = threading.Lock()  # a model stores the current batch in itself

    @property
    def device(self) -> str:
        """The device that the model runs on: "cpu", "cuda:0"."""
        return str(self._model.predictor.model.device)

    @property
    def options(self) -> dict[str, Any]:
        """What ultralytics' `predict` is called with."""
        return dict(self._options)

    @property
    def torch_network(self) -> Any | None:
        """The back end of ultralytics, if it runs a YOLO of boxes in torch; None for others."""
        predictor, backend = self._model.predictor, self._model.predictor.model
        in_torch = getattr(backend, "format", "") == "pt" or getattr(backend, "pt", False)
        # RT-DETR gives boxes in another form, and has a predictor of its own.
        plain = self._model.task == "detect" and type(predictor).__name__ == "DetectionPredictor"
        return backend if in_torch and plain else None

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        """Detect in one frame; see `Detector.detect`."""
        return self.detect_batch([image], None if frame_index is None else [frame_index])[0]

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        """Detect in several frames; see `Detector.detect_batch`."""
        check_batch(images, frame_indices)
        # Batch frames of the same size only: ultralytics pads mixed batches to squares, so that a
        # frame's boxes would depend on the other frames.
        sizes: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for position, image in enumerate(images):
            sizes[image.shape].append(position)
        found: dict[int, Detections] = {}
        for positions in sizes.values():
            step = self._static_batch or len(positions)
            for start in range(0, len(positions), step):
                part = positions[start : start + step]
                chosen = [images[position] for position in part]
                with self._lock:
                    results = self._model.predict(chosen, batch=len(part), **self._options)
                found |= zip(part, map(_to_detections, results), strict=True)
        return [found[position] for position in range(len(images))]


def _to_detections(result: Any) -> Detections:
    """Convert one `ultralytics.engine.results.Results`."""
    found = result.obb if result.boxes is None else result.boxes
    boxes, scores, classes = (
        column.cpu().numpy() for column in (found.xyxy, found.conf, found.cls)
    )
    sound = np.isfinite(boxes).all(axis=1) & np.isfinite(scores)
    sound &= (boxes[:, 2:] >= boxes[:, :2]).all(axis=1)
    if not sound.all():
        logger.warning("dropped %d detections that are not finite boxes", (~sound).sum())
        boxes, scores, classes = boxes[sound], scores[sound], classes[sound]
    return Detections(boxes, scores, classes)


def _load(yolo: Any, config: DetectorConfig, options: dict[str, Any]) -> tuple[Any, Any]:
    """Load a model and run it on a black frame, which starts its back end; return both."""
    black = np.zeros((64, 64, 3), np.uint8)
    try:
        model = yolo(config.model)
        if model.task not in _TASKS:
            raise WeightsError(
                f"{config.model}: a model for the task '{model.task}', expected a detector"
            )
        model.add_callback("on_predict_start", _skip_warm_up)
        return model, model.predict(black, **options)[0]
    except WeightsError:
        raise
    except ImportError as error:
        raise MissingDependencyError(
            f"{config.model}: needs the package {error.name or error}; install it with pip, or use "
            "the model in another format"
        ) from None
    except ConnectionError:
        raise WeightsError(
            f"{config.model}: no such file, and it could not be downloaded; go online once, or "
            "give the path of a model file"
        ) from None
    except Exception as error:  # ultralytics raises any error of its back ends
        raise WeightsError(
            f"{config.model}: not a model that ultralytics loads, or damaged "
            f"({type(error).__name__}: {_first_line(error)}); get it again or give another"
        ) from None


def _skip_warm_up(predictor: Any) -> None:
    """Skip the warm-up of a model on the CPU, where ultralytics only imports torchvision in it.

    That import takes longer than the model does. ultralytics needs one compiled function of it, and
    takes its own in Python, with which boxes that overlap to the limit differ, without the import.
    """
    formats = ("pt", "onnx", "openvino")
    on_cpu = getattr(predictor.device, "type", "") == "cpu"
    if on_cpu and getattr(predictor.model, "format", "") in formats and _compiled_suppression():
        predictor.done_warmup = True


@cache
def _compiled_suppression() -> bool:
    """Let ultralytics suppress boxes by torchvision's compiled function without its import.

    Returns:
        False if this torchvision or ultralytics is built in another way: torchvision is imported.
    """
    import torch
    from ultralytics.utils import nms

    load: Any = torch.ops.load_library
    try:
        slow = nms.TorchNMS.nms
        package = importlib.util.find_spec("torchvision")
        for folder in getattr(package, "submodule_search_locations", None) or []:
            for library in sorted(Path(folder).glob("_C*")):  # _C or _C_stable, by version
                if library.name.endswith(tuple(EXTENSION_SUFFIXES)):
                    load(library)
        compiled = torch.ops.torchvision.nms
    except (AttributeError, ImportError, OSError, RuntimeError, ValueError) as error:
        logger.info("torchvision is imported: %s", error)
        return False

    def suppress_overlaps(boxes: Any, scores: Any, iou_threshold: float) -> Any:
        chosen = compiled if boxes.device.type == "cpu" else slow
        return chosen(boxes, scores, iou_threshold)

    nms.TorchNMS.nms = staticmethod(suppress_overlaps)
    return True


def _take_image_size(backend: Any, side: int) -> None:
    """Set the image size of a model with variable size on CPUs with AMX, too.

    There OpenVINO fails with int8 models of variable size, so ultralytics compiles them for a fixed
    size: without this, that of the export.
    """
    if getattr(backend, "read_model", None) is not None:
        stride = int(backend.stride)
        backend.imgsz = [-(-side // stride) * stride] * 2


def _class_numbers(wanted: Sequence[int | str], names: dict[int, str]) -> list[int] | None:
    """Translate class numbers and names to numbers; None keeps all classes."""
    by_name = {name.lower(): number for number, name in names.items()}
    numbers = []
    for item in wanted:
        text = str(item).strip().lower()
        number = by_name.get(text, int(text) if text.isdigit() else None)
        if number not in names:
            close = difflib.get_close_matches(text, by_name, n=1)
            known = ", ".join(list(by_name)[:20]) + (", ..." if len(by_name) > 20 else "")
            hint = f"did you mean '{close[0]}'?" if close else f"the model knows {known}"
            raise ConfigError(f"detector.classes = {item}: the model has no such class; {hint}")
        numbers.append(number)
    return sorted(set(numbers)) or None


def _static_batch(backend: Any) -> int | None:
    """Return the batch size that an exported model is fixed to; None if it takes any."""
    if getattr(backend, "format", "") == "pt" or getattr(backend, "pt", False):
        return None
    return None if getattr(backend, "dynamic", False) else int(getattr(backend, "batch", 1))


def _check_runtime(model: str) -> None:
    """Check that the package for an exported model is installed; ultralytics would call pip."""
    name = model.rstrip("/\\").lower()
    for ending, (module, package) in _RUNTIMES.items():
        if not name.endswith(ending):
            continue
        found = None
        with suppress(ImportError, ValueError):
            found = importlib.util.find_spec(module)
        if found is None:
            raise MissingDependencyError(
                f"{model}: needs the package {module}; install it with pip install '{package}'"
            )


def _check_exists(model: str) -> None:
    """Refuse a model that neither exists nor has a name that ultralytics can download."""
    path = Path(model)
    if path.exists() or "://" in model:
        return
    from ultralytics.utils import SETTINGS
    from ultralytics.utils.checks import check_yolov5u_filename
    from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

    if (Path(SETTINGS["weights_dir"]) / path).exists():
        return
    if len(path.parts) == 1:
        name = check_yolov5u_filename(model if path.suffix else f"{model}.pt")
        if name in GITHUB_ASSETS_NAMES:
            logger.info("detector %s is not on this machine; ultralytics downloads it", model)
            return
        if close := difflib.get_close_matches(name, GITHUB_ASSETS_NAMES, n=3):
            raise WeightsError(
                f"{model}: no such file, and ultralytics has no model of that name; did you mean "
                f"{', '.join(close)}?"
            )
    raise WeightsError(
        f"{model}: no such file or folder; expected a model file or a name such as yolo11n.pt"
    )


def _check_device(name: str) -> Any:
    """Return the device as ultralytics wants it; None leaves the choice to it.

    A CUDA device is given as torch's, which ultralytics takes as it is: some versions turn a text
    into the first of the visible GPUs, which need not be the encoder's.
    """
    if name == "auto":
        return None
    import torch
    from ultralytics.utils.torch_utils import select_device

    device: Any = None
    with suppress(Exception):  # ultralytics says it in ten lines
        if name.startswith("cuda"):
            cuda = torch.device(name)
            index = cuda.index or 0
            there = torch.cuda.is_available() and index < torch.cuda.device_count()
            device = torch.device("cuda", index) if there else None
        else:
            device = select_device(name, verbose=False)
    # Without an Apple GPU, ultralytics silently takes the CPU.
    if device is None or (name.startswith("mps") and "mps" not in str(device)):
        raise ConfigError(
            f"detector.device = {name}: torch sees no such device; set it to cpu or auto (known "
            "names: auto, cpu, cuda, cuda:N, mps)"
        )
    return device if name.startswith("cuda") else name


def _on(name: str) -> str:
    """Return the device that ultralytics computes on if asked for this one: "cpu", "cuda:0"."""
    from ultralytics.utils.torch_utils import select_device

    chosen = _check_device(name)
    return str(select_device("" if chosen is None else chosen, verbose=False))


def _in_half(config: DetectorConfig) -> bool:
    if config.half is not None or not config.model.lower().endswith(".pt"):
        return bool(config.half)
    return _on(config.device).startswith("cuda")


def runs_on_cpu(device: str) -> bool:
    """Return whether ultralytics runs on the CPU for a `detector.device`.

    Raises:
        ConfigError: the device does not exist.
    """
    import_yolo()
    return _on(device) == "cpu"


def import_yolo() -> Any:
    """Import ultralytics.YOLO without its messages, statistics and automatic installations."""
    silence_telemetry()
    if "ultralytics" in sys.modules:  # the program has imported it: keep its logging
        from ultralytics import YOLO
    else:
        with _quiet_import():
            from ultralytics import YOLO
    from ultralytics.utils import checks
    from ultralytics.utils.events import events

    checks.AUTOINSTALL = False
    # Switch off statistics in this process only; the user's setting on disk is unchanged.
    events.enabled = False
    return YOLO


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Set environment variables that ultralytics reads when it is imported.

    YOLO_OFFLINE prevents DNS queries during the import; downloads of models still work.
    YOLO_AUTOINSTALL stays set, for child processes.

    Garbage is not collected meanwhile: torch makes 300,000 objects that stay, and looking through
    them again and again takes a seventh of the import.
    """
    collects = gc.isenabled()
    gc.disable()
    os.environ["YOLO_AUTOINSTALL"] = "false"
    temporary = {"YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"}
    before = {name: os.environ.get(name) for name in temporary}
    os.environ.update(temporary)
    try:
        with np.printoptions():  # ultralytics changes them globally
            yield
    finally:
        if collects:
            gc.enable()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _first_line(error: Exception) -> str:
    lines = str(error).encode("ascii", "ignore").decode().strip().splitlines() or ["no details"]
    return " ".join(lines[0].removeprefix("ERROR").split())[:_MAX_REASON]
