"""The contract of all detectors, tested with each kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.detect import Detector, build_detector
from reid_tracker.errors import InputError
from reid_tracker.types import Detections
from tests.detect.samples import OPENVINO, mot_file, picture

Make = Callable[..., Detector]


@pytest.fixture(
    scope="module",
    params=[
        "yolo",
        "replay",
        pytest.param("openvino", marks=[pytest.mark.shared, pytest.mark.slow]),
    ],
)
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    if request.param == "openvino":
        if not OPENVINO.is_dir():
            pytest.skip(f"needs {OPENVINO}")
        model: Path = OPENVINO
    elif request.param == "yolo":
        model = request.getfixturevalue("tiny_yolo")
    else:
        model = mot_file(tmp_path_factory.mktemp("mot") / "det.txt")
    # An untrained network has low confidences, so the threshold is low.
    return lambda **options: build_detector(
        model, **{"conf": 1e-4, "imgsz": 64, "device": "cpu", "classes": [], **options}
    )


@pytest.fixture(scope="module")
def detector(make: Make) -> Detector:
    return make()


def same(one: Detections, other: Detections) -> bool:
    return (
        len(one) == len(other)
        and np.allclose(one.boxes, other.boxes, atol=0.05)
        and np.allclose(one.scores, other.scores, atol=1e-4)
        and np.array_equal(one.classes, other.classes)
    )


def test_types_shapes_and_order(detector: Detector) -> None:
    found = detector.detect(picture(), 0)
    assert isinstance(found, Detections)
    assert found.boxes.dtype == np.float32
    assert found.boxes.shape == (len(found), 4)
    assert found.scores.dtype == np.float32
    assert found.classes.dtype == np.int64
    assert ((found.scores >= 0) & (found.scores <= 1)).all()
    assert (np.diff(found.scores) <= 0).all()


def test_same_frame_gives_same_detections(detector: Detector) -> None:
    assert same(detector.detect(picture(), 3), detector.detect(picture(), 3))


def test_batch_equals_frame_by_frame(detector: Detector) -> None:
    """Also with frames of several sizes, and with a model that takes one frame at a time."""
    images = [picture(), picture(64, 64, 1), picture(seed=2), picture(50, 130, 3), picture(seed=4)]
    together = detector.detect_batch(images, range(5))
    assert len(together) == 5
    for index, (image, found) in enumerate(zip(images, together, strict=True)):
        assert same(found, detector.detect(image, index))


def test_no_frames(detector: Detector) -> None:
    assert detector.detect_batch([]) == []
    assert detector.detect_batch([], []) == []


def test_confidence(make: Make, detector: Detector) -> None:
    bound = float(np.median(detector.detect(picture(), 0).scores))
    found = make(conf=bound).detect(picture(), 0)
    assert len(found) < len(detector.detect(picture(), 0))
    assert (found.scores >= bound).all()


def test_nothing_found_is_empty(make: Make) -> None:
    found = make(conf=1.0).detect(picture(), 0)
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)


def test_max_detections(make: Make, detector: Detector) -> None:
    most = detector.detect(picture(), 0)
    few = make(max_detections=2).detect(picture(), 0)
    assert len(few) == min(len(most), 2)
    np.testing.assert_allclose(few.scores, most.scores[: len(few)], atol=1e-4)


def test_the_image_is_not_changed(detector: Detector) -> None:
    image = picture()
    detector.detect(image)
    np.testing.assert_array_equal(image, picture())


def test_views_of_an_image_are_accepted(detector: Detector) -> None:
    mirrored = picture()[:, ::-1]
    assert same(detector.detect(mirrored, 0), detector.detect(np.ascontiguousarray(mirrored), 0))


@pytest.mark.parametrize(
    "image",
    [
        None,
        "frame.jpg",
        picture().astype(np.float32),
        picture()[..., 0],
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
    ],
)
def test_wrong_images_are_refused(detector: Detector, image: Any) -> None:
    with pytest.raises(InputError, match="image is"):
        detector.detect(image)
    with pytest.raises(InputError, match="image is"):
        detector.detect_batch([picture(), image])


def test_as_many_indices_as_images(detector: Detector) -> None:
    with pytest.raises(InputError, match="2 images but 1"):
        detector.detect_batch([picture(), picture()], [0])
