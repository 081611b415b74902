"""MOTChallenge text: what is read, and lines that are malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.mot import read_result, read_truth


def written(folder: Path, text: str) -> Path:
    path = folder / "tracks.txt"
    path.write_bytes(text.encode())
    return path


def test_a_truth_of_mot17_has_classes_and_one_of_mot15_has_none(tmp_path: Path) -> None:
    truth = read_truth(written(tmp_path, "1,1,10,20,30,40,1,1,0.5\n1,2,10,20,30,40,0,7,1\n"))
    assert truth.classes is not None
    assert (truth.classes.tolist(), truth.marked.tolist()) == ([1, 7], [True, False])
    assert truth.boxes.boxes[0].tolist() == [10, 20, 40, 60]
    assert read_truth(written(tmp_path, "1,1,10,20,30,40,1,2,7,0\n")).classes is None
    assert read_truth(written(tmp_path, "1,1,10,20,30,40,1,-1,-1\n")).classes is None
    assert read_truth(written(tmp_path, "1 1 10 20 30 40\n")).marked.tolist() == [True]


def test_rows_may_be_unsorted_and_frames_missing(tmp_path: Path) -> None:
    text = "\ufeff# a comment\n9,3,1,1,5,5,1\r\n\r\n2, 3, 1, 1, 5, 5, 1\r\n"
    found = read_result(written(tmp_path, text))
    assert (found.frames.tolist(), found.ids.tolist()) == ([9, 2], [3, 3])


def test_an_empty_file_is_a_result_without_boxes(tmp_path: Path) -> None:
    assert read_result(written(tmp_path, "")).boxes.shape == (0, 4)
    assert read_truth(written(tmp_path, "\n")).marked.shape == (0,)


def test_ids_beyond_32_bits_stay_apart(tmp_path: Path) -> None:
    text = f"1,{2**31},1,1,5,5,1\n1,{2**53},1,1,5,5,1\n1,{2**53 - 1},1,1,5,5,1\n"
    assert read_result(written(tmp_path, text)).ids.tolist() == [2**31, 2**53, 2**53 - 1]


def test_boxes_with_a_negative_side_are_read_and_overlap_nothing(tmp_path: Path) -> None:
    assert read_result(written(tmp_path, "1,1,10,10,-5,5,1\n")).boxes[0, 2] == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,1,1,1,5\n", r"line 1: '1 1 1 1 5': expected numbers: frame,id,left,top,width,height"),
        ("1,1,1,1,5,5\nframe,id\n", "line 2: 'frame id'"),
        ("1,1,1,x,5,5\n", "line 1"),
        ("1,1,1,1,5,nan\n", r"line 1: height nan: expected a number of pixels"),
        ("1,1,1,1,inf,5\n", "line 1: width inf"),
        ("1,1.5,1,1,5,5\n", r"line 1: id 1\.5: expected a whole number"),
        ("1,1e19,1,1,5,5\n", r"line 1: id 1e\+19: expected a whole number"),
        ("0,1,1,1,5,5\n", "line 1: frame 0: frames count from 1"),
        ("9,1,1,1,5,5\n", "line 1: frame 9: frames count from 1 to 8, the length of the sequence"),
        (
            "2,7,1,1,5,5\n1,7,1,1,5,5\n2,7,1,1,6,6\n",
            r"line 3: id 7 occurs twice in frame 2, first in line 1: keep one of the two boxes",
        ),
        ("1,-1,1,1,5,5\n1,-1,9,1,5,5\n", "detections have no ids, expected tracks"),
        ("1,1,1,1,5,5,1,3\n", r"line 1: class 3 in column 8: only people are scored; expected 1"),
        ("1," * 4096, "line 1"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_result(written(tmp_path, text), 8)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_files_that_are_missing_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*none\.txt: No such file"):
        read_truth(tmp_path / "none.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_result(tmp_path / "binary.txt")
