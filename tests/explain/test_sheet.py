"""Sheets of paper: pixels where they belong, files whole or not at all, no global state."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import MissingDependencyError, OutputError
from reid_tracker.explain import Sheet
from reid_tracker.explain.sheet import CYCLE, rgb

PICTURE = np.random.default_rng(0).integers(0, 256, (30, 20, 3), dtype=np.uint8)


def test_pasted_pixels_are_the_files_pixels(tmp_path: Path) -> None:
    sheet = Sheet(301, 99, "title", "caption " * 40)
    sheet.paste(7, 11, PICTURE, border=3, colour="#102030")
    path = sheet.save(tmp_path / "sheet.png")
    image = cv2.imread(str(path))
    assert image is not None
    assert image.shape[1] == 301 + 48
    top = image.shape[0] - 24 - 99
    np.testing.assert_array_equal(image[top + 11 : top + 41, 24 + 7 : 24 + 27], PICTURE)
    assert image[top + 8, 24 + 4].tolist() == [0x30, 0x20, 0x10]
    assert image[top + 7, 24 + 3].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(sheet.pixels(), image[..., ::-1])


def test_title_and_caption_stay_on_the_paper() -> None:
    pixels = Sheet(
        500, 10, "A title " * 20, "The quick brown fox jumps over the lazy dog. " * 9
    ).pixels()
    dark = pixels.max(axis=2) < 128
    assert dark.sum() > 1000
    assert not dark[:, :20].any()
    assert not dark[:, -20:].any()
    assert not dark[-34:].any()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ["$x^2$ and $", r"\alpha_1", "", "\u2713 \u2717", "\u884c\u4eba"])
def test_any_text_is_written_as_it_is(text: str) -> None:
    sheet = Sheet(200, 50, text, text)
    sheet.text(0, 0, text)
    sheet.pixels()


def test_existing_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_text("precious")
    sheet = Sheet(100, 10, "", "")
    with pytest.raises(OutputError, match="--overwrite"):
        sheet.save(path)
    assert path.read_text() == "precious"
    sheet.save(path, overwrite=True)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["sheet.png"]


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        Sheet(100, 10, "", "").save(tmp_path / "nowhere" / "sheet.png")


def test_matplotlib_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"reid-tracker\[explain\]"):
        Sheet(100, 10, "", "")


def test_colours() -> None:
    assert rgb("#0072B2") == (0, 0x72, 0xB2)
    assert len(set(CYCLE)) == len(CYCLE)


@pytest.mark.slow
def test_import_is_light_and_pyplot_stays_out() -> None:
    code = """
import sys
import reid_tracker.explain as explain
assert not {"matplotlib", "sklearn"} & set(sys.modules)
explain.Sheet(100, 10, "title", "caption").pixels()
assert "matplotlib.pyplot" not in sys.modules
assert "sklearn" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
