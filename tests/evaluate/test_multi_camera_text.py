"""Text in the format of the AI City Challenge, and lines that are malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.multi_camera_text import read_tracks

TRUTH = "c1 1 0 10 10 40 90 0 0\nc1,1,1,10,10,40,90\n\n# a comment\nc2 1 0 10 10 40 90\n"


def test_text_is_read_camera_by_camera(tmp_path: Path) -> None:
    path = tmp_path / "truth.txt"
    path.write_text(TRUTH)
    found = read_tracks(path)
    assert list(found) == ["c1", "c2"]
    assert found["c1"].frames.tolist() == [0, 1]
    assert found["c1"].boxes[0].tolist() == [10, 10, 50, 100]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c1 1 0 10 10 40\n", "line 1: 'c1 1 0 10 10 40': expected camera identity frame left"),
        ("c1 1 0 10 ten 40 90\n", "line 1"),
        ("c1 1.5 0 10 10 40 90\n", "line 1"),
        ("c1 1 0 10 10 nan 90\n", "line 1"),
        ("c1 nan 0 10 10 40 90\n", "line 1"),
        ("c1 1 0 10 10 -40 90\n", "line 1"),
        ("c1 1e19 0 10 10 40 90\n", "line 1"),
        ("c1 1 1e300 10 10 40 90\n", "line 1"),
        ("c1 1 0 1e308 10 1e308 90\n", "line 1"),
        ("c1 1 0 1 1 4 9\nc1 1 0 2 2 4 9\n", "camera c1: identity 1 occurs twice in frame 0"),
    ],
)
def test_malformed_lines_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_tracks(tmp_path / "bad.txt")


def test_files_that_are_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.txt: No such file"):
        read_tracks(tmp_path / "none.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00c1")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_tracks(tmp_path / "binary.txt")
