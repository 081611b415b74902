"""The int8 OpenVINO form of a trained detector, which a CPU runs several times faster."""

from __future__ import annotations

import importlib.util
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from reid_tracker.detect.ultralytics_backend import import_yolo
from reid_tracker.errors import MissingDependencyError, OutputError

_SIDE = 640
_KEPT = ("license", "stride", "task", "head", "batch", "imgsz", "names", "channels", "end2end")
"""The metadata that ultralytics needs; the rest describes the machine that made the model."""
_KEPT_ARGUMENTS = ("batch", "dynamic", "nms", "quantize", "half", "int8")


def check_can_export() -> None:
    """Check for missing packages before hours of training rather than after.

    Raises:
        MissingDependencyError: a package is missing.
    """
    for package in ("nncf", "openvino"):
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(
                f"--openvino needs the package {package}; install it with "
                "pip install 'reid-tracker[export]'"
            )


def export_openvino(weights: Path, data_file: Path) -> Path:
    """Write a detector's OpenVINO form beside its weights, quantised to 8 bits.

    The ranges of activations are measured on the validation pictures of the run.

    Args:
        weights: a .pt file from `train_detector`.
        data_file: the file that `prepare_pictures` returns.

    Returns:
        The folder, NAME_int8_openvino_model, which takes frames of any size.

    Raises:
        MissingDependencyError: a package is missing.
        OutputError: the folder cannot be written.
    """
    check_can_export()
    target = weights.with_name(f"{weights.stem}_int8_openvino_model")
    logging.getLogger("nncf").setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(dir=weights.parent) as folder:
            copy = Path(shutil.copy(weights, folder))
            made = import_yolo()(str(copy), task="detect").export(
                format="openvino",
                int8=True,
                data=str(data_file),
                imgsz=_SIDE,
                dynamic=True,
                device="cpu",
                verbose=False,
            )
            _forget_the_machine(Path(made) / "metadata.yaml")
            shutil.rmtree(target, ignore_errors=True)
            Path(made).rename(target)
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from None
    return target


def _forget_the_machine(file: Path) -> None:
    """Remove dates and paths from a model's metadata."""
    data: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    kept = {key: data[key] for key in _KEPT if key in data}
    arguments = data.get("args", {})
    kept["args"] = {key: arguments[key] for key in _KEPT_ARGUMENTS if key in arguments}
    file.write_text(yaml.safe_dump(kept, sort_keys=False), encoding="utf-8")
