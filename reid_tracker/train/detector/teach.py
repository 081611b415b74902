"""Distillation of a detector: it learns a teacher's outputs at every anchor of its grids.

A label only says that a person is there. The teacher also gives a confidence at thousands of
anchors of each picture, so the student's confidence gets the same meaning as the teacher's. Both
must have the same anchors, such as those of a YOLO with strides 8, 16 and 32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from reid_tracker.encode.openvino_backend import openvino_core
from reid_tracker.errors import ConfigError, WeightsError

_PERSON = 4
"""Row of the outputs that holds the person class; the four rows before it are the box."""
_MIN_CONFIDENCE = 0.05
"""Minimum confidence of the teacher for learning an anchor's box."""


class AnchorTeacher:
    """An OpenVINO detector whose outputs are the targets of a batch.

    It replaces the assigner in ultralytics' loss, which makes targets from labels.

    Args:
        folder: a model folder exported by ultralytics.
        threads: CPU threads; None leaves the choice to OpenVINO.

    Raises:
        WeightsError: the folder holds no model.
        MissingDependencyError: OpenVINO is not installed.
    """

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        files = sorted(folder.glob("*.xml"))
        if not files:
            raise WeightsError(f"{folder}: no *.xml; expected a detector as an OpenVINO folder")
        options = {} if threads is None else {"INFERENCE_NUM_THREADS": threads}
        self._network = openvino_core(folder).compile_model(files[0], "CPU", options)
        self._boxes, self._scores = torch.empty(0), torch.empty(0)

    def look(self, images: torch.Tensor) -> None:
        """Run the teacher on a batch of (B, 3, H, W) float RGB images in [0, 1].

        Raises:
            ConfigError: the teacher takes images of another size.
        """
        from openvino import PartialShape

        expected = self._network.input(0).partial_shape
        if not expected.compatible(PartialShape([1, *images.shape[1:]])):
            raise ConfigError(
                f"image_size = {images.shape[-1]}: the teacher of the distillation takes "
                f"{expected[-1]}; set image_size to it"
            )
        answers = [
            torch.from_numpy(self._network(image[None])[0][0].copy())
            for image in images.float().cpu().numpy()
        ]
        found = torch.stack(answers).to(images.device).transpose(1, 2)
        centres, sides = found[..., :2], found[..., 2:4]
        self._boxes = torch.cat([centres - sides / 2, centres + sides / 2], dim=-1)
        self._scores = found[..., _PERSON : _PERSON + 1]

    def __call__(
        self, scores: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the targets of the last batch, in the form of ultralytics' assigner.

        Args:
            scores: (B, A, 1) confidences of the student at A anchors.

        Returns:
            (B, A) zeros for the class, (B, A, 4) boxes xyxy in pixels, (B, A, 1) confidences,
            (B, A) bool, anchors whose boxes are learnt, and (B, A) zeros for the labels' numbers.

        Raises:
            ConfigError: teacher and student have different anchors.
        """
        if scores.shape != self._scores.shape:
            raise ConfigError(
                f"the detector has {scores.shape[1]} anchors of {scores.shape[2]} class and its "
                f"teacher {self._scores.shape[1]}; expected the same strides"
            )
        zeros = torch.zeros_like(scores[..., 0])
        sure = self._scores[..., 0] > _MIN_CONFIDENCE
        return zeros, self._boxes, self._scores.to(scores.dtype), sure, zeros


class DistillingLoss:
    """A weighted mean of the loss by labels and the loss by a teacher's outputs.

    Args:
        by_labels: ultralytics' loss.
        by_teacher: a second ultralytics loss; the teacher replaces its assigner.
        teacher: gives the targets of each batch.
        weight: weight of the teacher's loss, in [0, 1].
    """

    def __init__(
        self, by_labels: Any, by_teacher: Any, teacher: AnchorTeacher, weight: float
    ) -> None:
        self._by_labels, self._by_teacher = by_labels, by_teacher
        self._by_teacher.assigner = self._teacher = teacher
        self._weight = weight

    def __call__(self, outputs: Any, batch: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """Return the loss of a batch, and its parts by labels for the log."""
        loss, parts = self._by_labels(outputs, batch)
        self._teacher.look(batch["img"])
        taught, _ = self._by_teacher(outputs, batch)
        return (1 - self._weight) * loss + self._weight * taught, parts
