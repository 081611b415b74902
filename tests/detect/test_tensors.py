from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker.detect import build_detector
from reid_tracker.detect.tensors import tensor_yolo
from reid_tracker.detect.ultralytics_backend import UltralyticsDetector
from reid_tracker.device.path import DevicePath
from reid_tracker.device.transfer import Uploader
from reid_tracker.types import Detections, ImageBGR
from reid_tracker.video import open_source
from tests.detect.samples import picture

ROOT = Path(__file__).parents[2]


def built(model: Path, **options: Any) -> UltralyticsDetector:
    detector = build_detector(model, device="cpu", **options)
    assert isinstance(detector, UltralyticsDetector)
    return detector


def share_found(found: Detections, expected: Detections) -> float:
    """Return the part of boxes with a twin within half a pixel and 0.01 of the score."""
    if not len(expected):
        return float(not len(found))
    boxes = np.abs(found.boxes[None] - expected.boxes[:, None]).max(axis=2)
    scores = np.abs(found.scores[None] - expected.scores[:, None])
    twins = (boxes <= 0.5) & (scores <= 0.01) & (found.classes[None] == expected.classes[:, None])
    return float(min(twins.any(axis=1).mean(), twins.any(axis=0).mean()))


def both(
    detector: UltralyticsDetector, images: list[ImageBGR], least: float = 1.0
) -> list[Detections]:
    """Check that the tensors' detector finds what the other finds, and return it."""
    tensors = tensor_yolo(detector)
    assert tensors is not None
    expected = detector.detect_batch(images)
    seen = DevicePath(tensors, None).perceive(images)
    for (found, _), wanted in zip(seen, expected, strict=True):
        assert share_found(found, wanted) >= least
    return expected


@pytest.mark.slow
def test_the_shipped_detector_finds_the_same_people() -> None:
    detector = built(ROOT / "weights" / "person_yolo11n.pt")
    with open_source(ROOT / "demo" / "pedestrians.mp4") as source:
        images = [frame.image for frame, _ in zip(source, range(20), strict=False)][::5]
    wide = np.ascontiguousarray(images[1][100:400])
    expected = both(detector, [images[0], wide, images[2], images[3]])
    assert min(map(len, expected)) > 1


@pytest.mark.slow
def test_classes_and_sizes_are_those_of_the_detector(tiny_yolo: Path) -> None:
    options: dict[str, Any] = {"conf": 1e-4, "image_size": 100}
    for classes in ([], "car", ["person", "car"]):
        detector = built(tiny_yolo, classes=classes, **options)
        # Of hundreds of random boxes, some overlap by just about the limit of suppression.
        expected = both(detector, [picture(), picture(64, 200, seed=2)], least=0.95)
        assert any(map(len, expected))


@pytest.mark.slow
def test_boxes_stay_in_the_order_of_the_pictures(tiny_yolo: Path) -> None:
    tensors = tensor_yolo(built(tiny_yolo, conf=1e-4, image_size=96))
    assert tensors is not None
    images = [picture(96, 128), picture(64, 64), picture(96, 128, seed=3)]
    with torch.inference_mode():
        together = tensors.find(Uploader(tensors.device).upload(images))
        for number, image in enumerate(images):
            alone = tensors.find(Uploader(tensors.device).upload([image]))
            torch.testing.assert_close(together.boxes[number], alone.boxes[0], atol=0.01, rtol=0)
            assert together.counts[number] == alone.counts[0]


def test_a_wider_search_compares_twice_as_many(tiny_yolo: Path) -> None:
    tensors = tensor_yolo(built(tiny_yolo))
    assert tensors is not None
    before = tensors._candidates
    tensors.search_wider()
    assert tensors._candidates == 2 * before


@pytest.mark.slow
def test_models_in_other_formats_have_no_tensors() -> None:
    model = ROOT / "weights" / "person_yolo11n_int8_openvino_model"
    assert tensor_yolo(built(model)) is None
