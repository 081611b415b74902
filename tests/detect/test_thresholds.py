"""A detector has its own thresholds, whether it is given by name or by path."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from reid_tracker import zoo
from reid_tracker.config import DetectorConfig, Thresholds
from reid_tracker.detect import detector_thresholds
from reid_tracker.detect.thresholds import with_own_settings
from reid_tracker.zoo.content import content_of
from tests.zoo.samples import entry, manifest_of

OWN = {"min_confidence": 0.4, "high_confidence": 0.8}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the manifest knows, with thresholds."""
    folder = tmp_path / "weights" / "person_openvino_model"
    folder.mkdir(parents=True)
    (folder / "person.xml").write_text("layers")
    (folder / "person.bin").write_bytes(b"weights")
    content = content_of(folder)
    known = entry(
        "person",
        file=folder.name,
        sha256=content.sha256,
        size_bytes=content.size_bytes,
        rank=1,
        thresholds=OWN,
        preprocessing={"height": 384, "width": 512},
        iou=0.5,
    )
    manifest = manifest_of(folder.parent, known)
    monkeypatch.setattr("reid_tracker.zoo.places.load_manifest", lambda: manifest)
    return folder


def test_a_model_is_known_by_name_by_folder_and_as_the_default(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "other_openvino_model")
    for name in ("auto", "person", "person.pt", str(model), str(copy)):
        config = DetectorConfig(model=name)
        assert detector_thresholds(config) == Thresholds(**OWN)
        own = with_own_settings(config)
        assert (own.image_size, own.iou) == (512, 0.5)
        asked = with_own_settings(dataclasses.replace(config, image_size=320, iou=0.9))
        assert (asked.image_size, asked.iou) == (320, 0.9)


def test_other_models_have_the_defaults(model: Path, tmp_path: Path) -> None:
    changed = shutil.copytree(model, tmp_path / "changed_openvino_model")
    (changed / "person.bin").write_bytes(b"WEIGHTS")
    replay = tmp_path / "boxes.txt"
    replay.write_text("1,-1,0,0,10,20,0.9\n")
    for name in (str(changed), str(replay), "yolo11n.pt", "nowhere.pt"):
        config = DetectorConfig(model=name)
        assert detector_thresholds(config) == Thresholds()
        own = with_own_settings(config)
        assert (own.image_size, own.iou) == (640, 0.7)


def test_shipped_forms_of_one_model_agree() -> None:
    shipped = [one for one in zoo.load_manifest().of_task("detector") if one.shipped]
    assert len({(one.thresholds, one.iou, one.preprocessing) for one in shipped}) == 1
