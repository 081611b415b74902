"""The output files of `reid-track search`: stored pictures, and a sheet of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.cli.commands.search.searches import error_line, found, run


def test_pictures_of_what_is_found(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(found(capsys, 7, "--save-crops", tmp_path / "found")) == 3
    (picture,) = (tmp_path / "found").iterdir()
    assert picture.name == "001_identity000007.jpg"
    assert picture.read_bytes() == b"a picture"
    assert run(9, "--save-crops", tmp_path / "none") == 0
    assert "no pictures" in capsys.readouterr().err


def test_a_sheet(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("matplotlib")
    assert run(7, "--sheet", tmp_path / "sheet.png") == 1
    assert "cannot be decoded" in error_line(capsys)
    green = np.zeros((90, 40, 3), np.uint8)
    green[..., 1] = 200
    picture = cv2.imencode(".png", green)[1].tobytes()
    with EmbeddedStore(path) as store:
        store.write(crops={"early": picture, "late": picture})
    assert run(7, "--sheet", tmp_path / "sheet.png") == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    pixels = (sheet == (0, 200, 0)).all(axis=2).sum()
    assert pixels == 2 * 192 * 85  # 90 x 40, not stretched
    assert run(7, "--sheet", tmp_path / "sheet.png") == 1
    assert "--overwrite" in error_line(capsys)
