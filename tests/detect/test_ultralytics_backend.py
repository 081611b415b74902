from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from reid_tracker.config import DetectorConfig
from reid_tracker.detect import build_detector
from reid_tracker.detect.ultralytics_backend import UltralyticsDetector
from reid_tracker.errors import ConfigError, ReidTrackerError, WeightsError
from reid_tracker.geometry import iou_matrix
from reid_tracker.resources import shipped
from tests.detect.samples import OPENVINO, TUD, picture


def refuses(kind: type[ReidTrackerError], *fragments: str, **options: Any) -> None:
    with pytest.raises(kind) as caught:
        build_detector(**options)
    message = str(caught.value)
    assert "\n" not in message
    for fragment in fragments:
        assert fragment in message


def detect_all(model: Path, **options: Any) -> np.ndarray:
    """Return the classes found with almost no threshold."""
    detector = build_detector(model, conf=1e-4, imgsz=64, max_detections=300, **options)
    return np.unique(detector.detect(picture()).classes)


def test_classes_by_number_and_name(tiny_yolo: Path) -> None:
    np.testing.assert_array_equal(detect_all(tiny_yolo, classes=[]), [0, 1, 2])
    np.testing.assert_array_equal(detect_all(tiny_yolo), [0])
    np.testing.assert_array_equal(detect_all(tiny_yolo, classes=[2, 1]), [1, 2])
    np.testing.assert_array_equal(detect_all(tiny_yolo, classes=["Traffic Light", "2"]), [1, 2])
    np.testing.assert_array_equal(detect_all(tiny_yolo, classes="car"), [2])
    np.testing.assert_array_equal(detect_all(tiny_yolo, classes=1), [1])


def test_unknown_class_names_the_nearest(tiny_yolo: Path) -> None:
    refuses(ConfigError, "persom", "'person'", model=tiny_yolo, classes=["persom"])
    refuses(ConfigError, "80", "person, traffic light, car", model=tiny_yolo, classes=[80])
    refuses(ConfigError, "-1", model=tiny_yolo, classes=[-1])


@pytest.mark.parametrize(
    ("option", "value"),
    [("conf", 1.5), ("iou", -1), ("imgsz", 3), ("max_detections", 0), ("conf", "high")],
)
def test_options_out_of_range(tiny_yolo: Path, option: str, value: Any) -> None:
    refuses(ConfigError, str(value), model=tiny_yolo, **{option: value})


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "mps", "banana"])
def test_absent_device_is_named(
    tiny_yolo: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    refuses(ConfigError, f"device = {device}", "cpu", model=tiny_yolo, device=device)


def test_iou_and_configuration(tiny_yolo: Path) -> None:
    config = DetectorConfig(str(tiny_yolo), confidence=1e-4, image_size=64, classes=(0,))
    loose = build_detector(config, iou=0.95).detect(picture())
    strict = build_detector(config, iou=0.1).detect(picture())
    assert 0 < len(strict) < len(loose)
    overlap = iou_matrix(strict.boxes, strict.boxes) - np.eye(len(strict))
    assert overlap.max() <= 0.1 + 1e-3


def test_half_on_the_cpu_still_detects(tiny_yolo: Path) -> None:
    assert len(detect_all(tiny_yolo, half=True, device="cpu", classes=[])) > 0


def test_no_files_are_left_behind(
    tiny_yolo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    detect_all(tiny_yolo)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["text.pt", "text.onnx", "empty_openvino_model", "folder", "text.xyz", "text.engine"]
)
def test_files_that_are_not_models(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if "." in name:
        path.write_text("no model\n" * 50)
    else:
        path.mkdir()
    with pytest.raises(ReidTrackerError) as caught:  # .engine: TensorRT is not installed either
        build_detector(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("folder/gone.pt", "no such file"),
        ("gone.onnx", "no such file"),
        ("gone_openvino_model", "no such file"),
        ("yolo11x9.pt", "yolo11x.pt"),
        ("none", "no such file"),
    ],
)
def test_missing_model(
    name: str, fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuses(WeightsError, name, fragment, model=name)


def offline(*_: Any, **__: Any) -> None:
    raise ConnectionError("no network\nat all")


@pytest.mark.parametrize("name", ["yolo11n.pt", "yolo11n", "yolov5n.pt"])
def test_download_that_fails(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_yolo: Path
) -> None:
    """Offline, whether or not this machine is: names of the manifest, and of ultralytics alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ultralytics.utils.downloads.safe_download", offline)
    monkeypatch.setattr("socket.create_connection", offline)
    refuses(WeightsError, name.removesuffix(".pt"), "could not be downloaded", model=name)
    assert list(tmp_path.iterdir()) == []


def test_model_for_another_task(tmp_path: Path, tiny_yolo: Path) -> None:
    from ultralytics import YOLO

    classifier = (
        "nc: 3\nbackbone:\n  - [-1, 1, Conv, [8, 3, 2]]\n  - [-1, 1, Conv, [16, 3, 2]]\n"
        "head:\n  - [-1, 1, Classify, [nc]]\n"
    )
    (tmp_path / "cls.yaml").write_text(classifier)
    YOLO(str(tmp_path / "cls.yaml"), task="classify").save(tmp_path / "cls.pt")
    refuses(WeightsError, "cls.pt", "classify", model=tmp_path / "cls.pt")


def test_rows_that_are_not_finite_are_dropped(
    tiny_yolo: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    detector = build_detector(tiny_yolo, imgsz=64)
    assert isinstance(detector, UltralyticsDetector)
    boxes = SimpleNamespace(
        xyxy=torch.tensor([[1, 2, 3, 4], [1, torch.nan, 3, 4], [1, 2, torch.inf, 4], [5, 6, 7, 8]]),
        conf=torch.tensor([0.9, 0.8, 0.7, torch.nan]),
        cls=torch.zeros(4),
    )
    result = SimpleNamespace(boxes=boxes, obb=None)
    monkeypatch.setattr(detector._model, "predict", lambda images, **_: [result] * len(images))
    with caplog.at_level(logging.WARNING):
        found = detector.detect(picture())
    np.testing.assert_array_equal(found.boxes, [[1, 2, 3, 4]])
    assert "dropped 3 detections" in caplog.text


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    path = TUD / "img1" / "000001.jpg"
    if not OPENVINO.is_dir() or not path.is_file():
        pytest.skip(f"needs {OPENVINO} and {path}")
    return np.asarray(cv2.imread(str(path)), np.uint8)


@pytest.mark.shared
def test_people_are_found_at_their_places(street: np.ndarray) -> None:
    truth = np.loadtxt(TUD / "gt" / "gt.txt", delimiter=",")
    truth = truth[truth[:, 0] == 1, 2:6]
    truth[:, 2:] += truth[:, :2]
    found = build_detector(OPENVINO, conf=0.5, classes=[0]).detect(street)
    assert len(found) >= 4
    best = iou_matrix(found.boxes, truth.astype(np.float32)).max(axis=1)
    assert (best > 0.5).mean() > 0.7
    assert (found.boxes[:, 2:] <= (street.shape[1], street.shape[0])).all()


@pytest.mark.slow
@pytest.mark.shared
def test_model_fixed_to_one_frame_takes_many(street: np.ndarray) -> None:
    detector = build_detector(OPENVINO, conf=0.3, classes=["person"])
    frames = [street, np.ascontiguousarray(street[:, ::-1]), street[:300], street]
    together = detector.detect_batch(frames)
    for frame, found in zip(frames, together, strict=True):
        np.testing.assert_allclose(found.boxes, detector.detect(frame).boxes, atol=0.5)
    assert len(together[0]) >= 4


def test_threads_that_share_a_detector_take_turns(
    tiny_yolo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = UltralyticsDetector(DetectorConfig(model=str(tiny_yolo), image_size=64))
    real, inside, together = detector._model.predict, threading.Event(), threading.Event()

    def predict(*words: Any, **options: Any) -> Any:
        if inside.is_set():
            together.set()
        inside.set()
        try:
            together.wait(0.05)
            return real(*words, **options)
        finally:
            inside.clear()

    monkeypatch.setattr(detector._model, "predict", predict)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(detector.detect, [picture()] * 4))
    assert not together.is_set()


@pytest.mark.slow
@pytest.mark.parametrize("side", [320, 640])
def test_the_shipped_model_sees_frames_of_the_wanted_size_on_every_cpu(side: int) -> None:
    model = shipped("weights", "person_yolo11n_int8_openvino_model")
    detector = UltralyticsDetector(DetectorConfig(model=str(model), image_size=side, device="cpu"))
    detector.detect(np.zeros((240, 320, 3), np.uint8))
    assert list(detector._model.predictor.imgsz) == [side, side]
