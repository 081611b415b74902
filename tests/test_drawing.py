"""The programs of docs/how-to/draw.md make what they say."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from reid_tracker import Detections, build_tracker
from tests.conftest import ROOT
from tests.docs.markdown import blocks_of
from tests.docs.test_blocks import cut

PAGE = ROOT / "docs" / "how-to" / "draw.md"


@pytest.mark.slow
def test_supervision_and_ultralytics_draw_our_tracks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(tmp_path / "clip.mp4", 60, 8)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["draw_tracks.py", "clip.mp4", "5"])
    runpy.run_path(str(ROOT / "demo" / "draw_tracks.py"), run_name="__main__")
    assert "drew" in capsys.readouterr().out
    pictures = [cv2.imread(f"{name}.jpg") for name in ("supervision", "ultralytics")]
    assert all(picture is not None and picture.shape == (576, 768, 3) for picture in pictures)
    assert not np.array_equal(np.asarray(pictures[0]), np.asarray(pictures[1]))


def test_fiftyone_gets_relative_boxes_and_ids(monkeypatch: pytest.MonkeyPatch) -> None:

    stand_in: Any = SimpleNamespace(Detections=SimpleNamespace, Detection=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "fiftyone", stand_in)
    (code,) = (block.text for block in blocks_of(PAGE) if "import fiftyone" in block.text)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the documentation is ours
    found = Detections(
        np.array([[20, 10, 60, 90]], np.float32), np.array([0.9], np.float32), np.array([0])
    )
    tracks = build_tracker().update(found, np.eye(1, 8, dtype=np.float32), 0.0)
    (person,) = names["to_fiftyone"](tracks, 200, 100).detections
    np.testing.assert_allclose(person.bounding_box, (0.1, 0.1, 0.2, 0.8), atol=1e-4)
    assert (person.label, person.index) == ("person", int(tracks.ids[0]))
    assert person.confidence == pytest.approx(0.9)
