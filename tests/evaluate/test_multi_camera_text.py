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
        (
            "c1 1 0 1 1 4 9\nc1 1 0 2 2 4 9\n",
            r"line 2: identity 1 occurs twice in frame 0 of camera c1, first in .*line 1",
        ),
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


MOT = "1,7,10,10,40,90,0.9,-1,-1,-1\n2,7,11,10,40,90,0.9,-1,-1,-1\n"


def test_a_run_s_folder_is_read_by_its_final_files(tmp_path: Path) -> None:
    for name, text in (
        ("door.txt", "1,1,10,10,40,90,0.9,-1,-1,-1\n"),
        ("door_global.txt", MOT),
        ("yard_global.txt", MOT.replace("2,7", "2,8")),
        (".hidden.txt", "x"),
        ("door.jsonl", "{}"),
    ):
        (tmp_path / name).write_text(text)
    found = read_tracks(tmp_path)
    assert list(found) == ["door", "yard"]
    assert found["yard"].ids.tolist() == [7, 8]
    assert found["door"].boxes[1].tolist() == [11, 10, 51, 100]


def test_a_truth_of_each_camera_leaves_out_what_does_not_count(tmp_path: Path) -> None:
    for camera in ("door", "yard"):
        (tmp_path / camera / "gt").mkdir(parents=True)
        text = "\ufeff1,1,1,1,9,9,1,1,0.5\n1,2,1,1,9,9,0,1,1\n1,3,1,1,9,9,1,7,1\n"
        (tmp_path / camera / "gt" / "gt.txt").write_text(text, encoding="utf-8")
    found = read_tracks(tmp_path)
    assert {camera: boxes.ids.tolist() for camera, boxes in found.items()} == {
        "door": [1],
        "yard": [1],
    }
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "door.txt").write_text(MOT)
    assert list(read_tracks(tmp_path / "plain")) == ["door"]


def test_folders_without_tracks_and_boxes_given_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected CAMERA_global\.txt of a run, CAMERA\.txt"):
        read_tracks(tmp_path)
    (tmp_path / "door.txt").write_text(MOT + MOT[: MOT.index("\n") + 1])
    with pytest.raises(
        InputError, match=r"line 3: identity 7 occurs twice in frame 1 .*line 1; keep"
    ):
        read_tracks(tmp_path)
