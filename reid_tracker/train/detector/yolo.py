"""Trains a detector with ultralytics; its weights file holds no data about the machine."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from reid_tracker.config import DetectorConfig
from reid_tracker.detect.ultralytics_backend import import_yolo
from reid_tracker.errors import ConfigError, OutputError, WeightsError
from reid_tracker.train.checkpoint import write_atomically
from reid_tracker.train.detector.calibrate import calibrate, fold, measure
from reid_tracker.train.detector.prepare import WHOLE
from reid_tracker.train.detector.recipe import DetectorRecipe
from reid_tracker.train.detector.teach import AnchorTeacher, DistillingLoss

logger = logging.getLogger(__name__)

_RUN = "ultralytics"
_LICENCE = "AGPL-3.0-or-later"


def train_detector(
    recipe: DetectorRecipe,
    folder: Path,
    data_file: Path,
    *,
    device: str = "cpu",
    workers: int = 0,
    threads: int | None = None,
    resume: bool = False,
) -> Path:
    """Train a detector, and save its averaged weights in half precision.

    Its confidence is learnt from its teacher or, without one, calibrated on held-out pictures.

    Args:
        recipe: how to train.
        folder: the run's folder; a checkpoint is written to it after every epoch.
        data_file: training and validation pictures, from `prepare_pictures`.
        device: as ultralytics names it: "cpu", "0".
        workers: processes that read pictures.
        threads: CPU threads of this process; None leaves the choice to ultralytics.
        resume: whether to continue after the last complete epoch.

    Returns:
        The weights file, folder/person_ARCHITECTURE.pt.

    Raises:
        ConfigError: there is nothing to resume, or ultralytics does not know the architecture.
        WeightsError: the checkpoint is damaged.
        OutputError: the folder holds an earlier run, or no epoch was completed.
    """
    yolo = import_yolo()
    last = find_checkpoint(folder, resume=resume)
    result = folder / f"person_{Path(recipe.architecture).stem}.pt"
    start = last if resume else Path(recipe.weights) if recipe.weights else None
    model = _open(yolo, recipe.architecture, start)
    if not (resume and _epochs_done(model, recipe.epochs) >= recipe.epochs):
        # A checkpoint stores the path of its run, but the folder may have been moved.
        resumed = {"resume": True, "save_dir": str((folder / _RUN).resolve())}
        options = resumed if resume else _options(recipe, folder, device)
        if recipe.bfloat16 and device == "cpu":
            model.add_callback("on_train_start", _compute_in_bfloat16)
        if threads is not None:  # ultralytics sets its own number when it chooses the device
            model.add_callback("on_train_start", lambda _: torch.set_num_threads(threads))
        if recipe.distillation:
            teacher = AnchorTeacher(Path(recipe.pictures.teacher), threads)
            model.add_callback(
                "on_train_start", lambda trainer: _distil(trainer, teacher, recipe.distillation)
            )
        with _no_font():
            model.train(data=str(data_file), device=device, workers=workers, **options)
    if not last.is_file():
        raise OutputError(f"{folder}: training ended without a checkpoint")
    saved = yolo(str(last), task="detect")
    _export(saved, result)
    if not recipe.distillation:  # else the confidence was learnt from the teacher
        _calibrate(saved, result, data_file.parent)
    return result


def _open(yolo: Any, architecture: str, checkpoint: Path | None) -> Any:
    """Build a model with random weights, or load one from a checkpoint."""
    if checkpoint is None:
        try:
            return yolo(architecture, task="detect")
        except FileNotFoundError:
            raise ConfigError(
                f"architecture = {architecture}: expected a model of ultralytics: yolo11n.yaml"
            ) from None
    try:
        return yolo(str(checkpoint), task="detect")
    except Exception as error:  # torch and pickle raise many types of errors
        raise WeightsError(
            f"{checkpoint}: not a checkpoint, or damaged ({type(error).__name__}); start again in "
            "another --output"
        ) from None


def _calibrate(saved: Any, result: Path, pictures: Path) -> None:
    """Rewrite the weights with a calibrated confidence."""
    measured = measure(result, pictures, WHOLE)
    calibration = calibrate(measured, DetectorConfig().confidence)
    if calibration is not None and fold(saved.model, *calibration):
        logger.info("confidence calibrated: slope %.3f, offset %.3f", *calibration)
        _export(saved, result)


def find_checkpoint(folder: Path, *, resume: bool) -> Path:
    """Return the path of a run's last checkpoint.

    Args:
        folder: the run's folder.
        resume: whether the checkpoint must exist; else it must not, since it would be overwritten.

    Raises:
        ConfigError: there is nothing to resume.
        OutputError: the folder holds an earlier run.
    """
    last = folder / _RUN / "weights" / "last.pt"
    if resume and not last.is_file():
        raise ConfigError(f"{last}: no checkpoint; start without --resume")
    if last.is_file() and not resume:
        raise OutputError(
            f"{folder} holds an earlier run; continue it with --resume, or choose another --output"
        )
    return last


@contextmanager
def _no_font() -> Iterator[None]:
    """Keep ultralytics from downloading a font for plots that are never made."""
    utils: Any = sys.modules["ultralytics.data.utils"]  # import_yolo alone imports ultralytics
    before = utils.check_font
    utils.check_font = lambda *_: None
    try:
        yield
    finally:
        utils.check_font = before


def _options(recipe: DetectorRecipe, folder: Path, device: str) -> dict[str, Any]:
    hue, saturation, value = recipe.hsv
    return {
        "project": str(folder.resolve()),
        "name": _RUN,
        "exist_ok": True,
        "pretrained": bool(recipe.weights),
        "epochs": recipe.epochs,
        "imgsz": recipe.image_size,
        "multi_scale": recipe.multi_scale,
        "batch": recipe.batch_size,
        "nbs": recipe.batch_size,  # ultralytics scales the weight decay by batch over nbs
        "single_cls": True,
        "optimizer": recipe.optimiser,
        "lr0": recipe.lr,
        "lrf": recipe.last_lr,
        "cos_lr": True,
        "weight_decay": recipe.weight_decay,
        "warmup_epochs": recipe.warmup_epochs,
        "mosaic": recipe.mosaic,
        "close_mosaic": recipe.plain_epochs,
        "scale": recipe.scale,
        "hsv_h": hue,
        "hsv_s": saturation,
        "hsv_v": value,
        "erasing": 0.0,
        "amp": recipe.bfloat16 and device != "cpu",
        "seed": recipe.seed,
        "deterministic": True,
        "plots": False,
        "verbose": False,
    }


def _compute_in_bfloat16(trainer: Any) -> None:
    """Run the network in bfloat16 on the CPU, for which ultralytics has no switch; twice as fast.

    The class is swapped after the averaged copy of the model was made; the copy keeps its class, so
    that checkpoints hold plain ultralytics models. Boxes are decoded and compared in float32, since
    bfloat16 has steps of 2 pixels at 400.
    """
    plain = type(trainer.model)

    class Bfloat16Model(plain):  # type: ignore[misc, valid-type]
        def loss(self, batch: dict[str, Any], preds: Any = None) -> Any:
            if preds is None:
                with torch.autocast("cpu", torch.bfloat16):
                    preds = self.forward(batch["img"].contiguous(memory_format=torch.channels_last))
            return super().loss(batch, _as_float32(preds))

    trainer.model.__class__ = Bfloat16Model
    trainer.model.to(memory_format=torch.channels_last)


def _distil(trainer: Any, teacher: AnchorTeacher, weight: float) -> None:
    net = trainer.model
    net.criterion = DistillingLoss(net.init_criterion(), net.init_criterion(), teacher, weight)


def _as_float32(outputs: Any) -> Any:
    if isinstance(outputs, torch.Tensor):
        return outputs.float()
    if isinstance(outputs, dict):
        return {key: _as_float32(value) for key, value in outputs.items()}
    return type(outputs)(_as_float32(value) for value in outputs)


def _epochs_done(saved: Any, wanted: int) -> int:
    # ultralytics marks a finished run's checkpoint with epoch -1
    epoch = int((saved.ckpt or {}).get("epoch", -1))
    return wanted if epoch == -1 else epoch + 1


def _export(saved: Any, result: Path) -> None:
    """Keep the averaged weights in float16; drop paths, dates and the optimiser."""
    net = saved.model.half().eval()
    net.criterion = None
    net.args = {"task": "detect", "single_cls": True}
    net.names = {0: "person"}  # single_cls named it "item"
    for parameter in net.parameters():
        parameter.requires_grad = False
    net.yaml["yaml_file"] = Path(net.yaml["yaml_file"]).name
    for name in ("pt_path", "yaml_file"):
        if hasattr(net, name):
            delattr(net, name)
    # Into memory first: on a full disk torch.save raises an error without the reason.
    buffer = io.BytesIO()
    torch.save(
        {"model": net, "train_args": {"task": "detect", "imgsz": 640}, "license": _LICENCE}, buffer
    )
    write_atomically(result, buffer.getvalue())
