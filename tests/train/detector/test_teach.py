"""A teacher's answers as targets, and a student that comes to answer like its teacher."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.detect import build_detector
from reid_tracker.detect.ultralytics_backend import import_yolo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.train.detector import prepare_pictures, train_detector
from reid_tracker.train.detector.export import export_openvino
from reid_tracker.train.detector.teach import AnchorTeacher, DistillingLoss
from tests.train.detector.samples import some_pictures, tiny_recipe

# Centre, size, and confidence of two classes at three anchors; the first class is the person.
ANSWERS = [
    [10.0, 30.0, 50.0],
    [20.0, 40.0, 60.0],
    [4.0, 6.0, 8.0],
    [2.0, 4.0, 10.0],
    [0.9, 0.04, 0.06],
    [0.1, 0.99, 0.0],
]


def teacher_of(folder: Path) -> AnchorTeacher:
    """Save a network that answers the same at any picture of 8x8, times its brightness."""
    openvino = pytest.importorskip("openvino")
    from openvino import opset13 as ops

    picture = ops.parameter([1, 3, 8, 8], np.float32, "images")
    brightness = ops.reduce_mean(picture, np.array([1, 2, 3]), keep_dims=False)
    answers = ops.multiply(
        np.array([ANSWERS], np.float32), ops.reshape(brightness, [1, 1, 1], False)
    )
    openvino.save_model(
        openvino.Model([answers], [picture]), folder / "net.xml", compress_to_fp16=False
    )
    return AnchorTeacher(folder, threads=1)


def test_answers_become_targets(tmp_path: Path) -> None:
    teacher = teacher_of(tmp_path)
    teacher.look(torch.stack([torch.ones(3, 8, 8), torch.full((3, 8, 8), 0.5)]))
    labels, boxes, scores, sure, numbers = teacher(torch.zeros(2, 3, 1))
    expected = torch.tensor([[8.0, 19, 12, 21], [27, 38, 33, 42], [46, 55, 54, 65]])
    torch.testing.assert_close(boxes, torch.stack([expected, expected / 2]))
    people = torch.tensor([[0.9], [0.04], [0.06]])
    torch.testing.assert_close(scores, torch.stack([people, people / 2]))
    assert sure.tolist() == [[True, False, True], [True, False, False]]
    assert labels.tolist() == numbers.tolist() == [[0, 0, 0]] * 2


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no \*\.xml; expected a detector as an OpenVINO folder"
    ):
        AnchorTeacher(tmp_path)
    teacher = teacher_of(tmp_path)
    with pytest.raises(
        ConfigError, match="image_size = 16: the teacher of the distillation takes 8"
    ):
        teacher.look(torch.ones(1, 3, 16, 16))
    teacher.look(torch.ones(1, 3, 8, 8))
    with pytest.raises(ConfigError, match="has 4 anchors of 1 class and its teacher 3"):
        teacher(torch.zeros(1, 4, 1))


def test_the_loss_is_shared_by_labels_and_teacher(tmp_path: Path) -> None:
    class Loss:
        assigner: object = None

        def __call__(self, outputs: float, batch: object) -> tuple[torch.Tensor, str]:
            return torch.tensor(10.0 if self.assigner else outputs), "parts"

    teacher = teacher_of(tmp_path)
    loss = DistillingLoss(Loss(), Loss(), teacher, 0.25)
    value, parts = loss(2.0, {"img": torch.ones(1, 3, 8, 8)})
    assert float(value) == 0.75 * 2 + 0.25 * 10
    assert parts == "parts"


@pytest.mark.slow
def test_a_student_comes_to_answer_as_its_teacher(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    alone = tiny_recipe(tmp_path, {"training": 32}, epochs=30, lr=0.02)
    data_file = prepare_pictures(alone, tmp_path / "teacher" / "data")
    taught_by = export_openvino(
        train_detector(alone, tmp_path / "teacher", data_file, threads=1), data_file
    )
    images = [picture.image for picture in some_pictures(8)]

    def confidences(weights: Path) -> np.ndarray:
        detector = build_detector(weights, conf=0.0, iou=1.0, image_size=64)
        return np.array([found.scores.max() for found in detector.detect_batch(images)])

    pictures = replace(alone.pictures, teacher=str(taught_by))
    errors = []
    for part in (0.0, 1.0):
        recipe = replace(alone, distillation=part, pictures=pictures, seed=5)
        folder = tmp_path / f"student{part}"
        weights = train_detector(
            recipe, folder, prepare_pictures(recipe, folder / "data"), threads=1
        )
        errors.append(np.abs(confidences(weights) - confidences(taught_by)).mean())
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.slow
def test_a_run_starts_from_weights(tmp_path: Path) -> None:
    first = tiny_recipe(tmp_path)
    data_file = prepare_pictures(first, tmp_path / "first" / "data")
    weights = train_detector(first, tmp_path / "first", data_file, threads=1)
    second = replace(first, weights=str(weights), epochs=1, lr=1e-9, warmup_epochs=0.0, seed=9)
    again = train_detector(second, tmp_path / "second", data_file, threads=1)
    before, after = (
        dict(import_yolo()(str(file)).model.named_parameters()) for file in (weights, again)
    )
    kernels = [name for name in before if name.endswith("conv.weight")]
    assert kernels
    for name in kernels:
        torch.testing.assert_close(after[name], before[name], atol=1e-3, rtol=0.0)
