"""The OpenVINO form of a detector: made by the real exporter, run by the real runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import yaml

from reid_tracker.detect import build_detector
from reid_tracker.errors import MissingDependencyError
from reid_tracker.train.detector import prepare_pictures, train_detector
from reid_tracker.train.detector.export import check_can_export, export_openvino
from tests.train.detector.samples import tiny_recipe


@pytest.mark.slow
def test_form_detects_people_and_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    recipe = tiny_recipe(tmp_path)
    data_file = prepare_pictures(recipe, tmp_path / "run" / "data")
    weights = train_detector(recipe, tmp_path / "run", data_file, threads=1)
    folder = export_openvino(weights, data_file)
    assert folder == tmp_path / "run" / "person_tiny_int8_openvino_model"
    assert export_openvino(weights, data_file) == folder, "it is replaced"
    for size in ((64, 48), (96, 160)):
        detector = build_detector(folder, conf=0.0, image_size=64)
        found = detector.detect(np.zeros((*size, 3), np.uint8))
        assert set(found.classes.tolist()) == {0}
    described = yaml.safe_load((folder / "metadata.yaml").read_text())
    assert described["names"] == {0: "person"}
    assert not {"date", "description", "author"} & described.keys()
    for file in folder.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes()
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "data",
        "ultralytics",
        weights.name,
        folder.name,
    }


def test_missing_package_is_named_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "nncf" else find(name)
    )
    with pytest.raises(MissingDependencyError, match=r"nncf.*reid-tracker\[export\]"):
        check_can_export()
