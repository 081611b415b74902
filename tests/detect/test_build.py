"""Names of detectors: existing files first, then "auto" and names of the manifest."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from reid_tracker import resources
from reid_tracker.config import DetectorConfig
from reid_tracker.detect import build_detector, ultralytics_backend
from reid_tracker.detect.base import check_batch
from reid_tracker.detect.build import BACK_ENDS
from reid_tracker.errors import WeightsError
from reid_tracker.types import Detections, ImageBGR
from tests.zoo.samples import entry, sha256, write_manifest
from tests.zoo.server import Behaviour, serving


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_yolo: Path) -> Iterator[Behaviour]:
    """A manifest of two detectors: one that a server on this machine has, and one shipped."""
    content = tiny_yolo.read_bytes()
    package = tmp_path / "site" / "reid_tracker"
    package.mkdir(parents=True)
    monkeypatch.setattr(resources, "_PACKAGE", package)
    monkeypatch.chdir(tmp_path)
    with serving(content) as behaviour:
        write_manifest(
            tmp_path / "site" / "weights",
            entry("yolo11n", url=behaviour.url, rank=2),
            entry("person", sha256=sha256(content), rank=1),
        )
        yield behaviour


def test_auto_never_downloads(server: Behaviour) -> None:
    with pytest.raises(WeightsError, match=r"auto.*weights pull yolo11n`.*--detector"):
        build_detector(DetectorConfig())
    assert server.seen == []


@pytest.mark.slow
def test_auto_takes_the_best_on_this_machine(
    server: Behaviour,
    tmp_path: Path,
    own_downloads: Path,
    tiny_yolo: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    own_downloads.mkdir(parents=True)
    far = own_downloads / "yolo11n.pt"
    shutil.copyfile(tiny_yolo, far)
    with caplog.at_level(logging.INFO):
        build_detector("auto", imgsz=64)
    assert f"detector yolo11n: {far}" in caplog.text
    near = tmp_path / "site" / "weights" / "person.pt"
    shutil.copyfile(tiny_yolo, near)
    with caplog.at_level(logging.INFO):
        build_detector("auto", imgsz=64)
    assert f"detector person: {near}" in caplog.text
    assert server.seen == []


@pytest.mark.slow
def test_auto_takes_the_cpu_form_only_on_cpus(
    server: Behaviour,
    tmp_path: Path,
    tiny_yolo: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "site" / "weights"
    fast = entry("fast", sha256="0" * 64, rank=1, cpu_form=True)
    write_manifest(folder, fast, entry("person", sha256="0" * 64, rank=2))
    for name in ("fast", "person"):
        shutil.copyfile(tiny_yolo, folder / f"{name}.pt")
    with caplog.at_level(logging.INFO):
        build_detector("auto", imgsz=64, device="cpu")
    assert "detector fast: " in caplog.text
    caplog.clear()
    monkeypatch.setattr(ultralytics_backend, "runs_on_cpu", lambda device: device == "cpu")
    with caplog.at_level(logging.INFO):
        build_detector("auto", imgsz=64)
    assert "detector person: " in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["yolo11n", "yolo11n.pt"])
def test_yolo_name_is_downloaded_once_and_pinned(
    name: str, server: Behaviour, own_downloads: Path, caplog: pytest.LogCaptureFixture
) -> None:
    build_detector(name, imgsz=64)
    assert "downloading it" in caplog.text
    assert (own_downloads / "pins.json").is_file()
    build_detector(name, imgsz=64)
    assert len(server.seen) == 1
    (own_downloads / "yolo11n.pt").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(WeightsError, match="not the expected file"):
        build_detector(name, imgsz=64)


def test_an_existing_file_is_preferred_to_a_name(
    server: Behaviour, tmp_path: Path, tiny_yolo: Path
) -> None:
    shutil.copyfile(tiny_yolo, tmp_path / "yolo11n.pt")
    build_detector("yolo11n.pt", imgsz=64)
    assert server.seen == []


def test_shipped_model_that_is_missing(server: Behaviour) -> None:
    with pytest.raises(WeightsError, match=r"person.*install reid-tracker again"):
        build_detector("person")


class ToyDetector:
    """A detector that finds one box of its own in every frame."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config

    def detect(self, image: ImageBGR, frame_index: int | None = None) -> Detections:
        return self.detect_batch([image])[0]

    def detect_batch(
        self, images: Sequence[ImageBGR], frame_indices: Sequence[int] | None = None
    ) -> list[Detections]:
        check_batch(images, frame_indices)
        box = np.array([[1, 2, 30, 40]], np.float32)
        return [Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64)) for _ in images]


def test_adding_a_back_end_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACK_ENDS, ".toy", ToyDetector)
    detector = build_detector("People.TOY", conf=0.3)
    assert isinstance(detector, ToyDetector)
    assert detector.config.confidence == 0.3
    assert len(detector.detect(np.zeros((48, 64, 3), np.uint8))) == 1
