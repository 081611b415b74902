"""Which truth belongs to which result: MOTChallenge folders, plain files, folders of runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.mot import MotSequence, find_results, find_sequences, is_truth
from tests.evaluate.mot.worlds import write_sequence


def touched(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    return path


def test_sequences_of_a_folder_come_with_their_seqinfo(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_sequence(tmp_path, name, 0)
    (tmp_path / "gt" / "a" / "img1").mkdir()
    (tmp_path / "gt" / ".hidden" / "gt").mkdir(parents=True)
    touched(tmp_path / "gt" / ".hidden" / "gt" / "gt.txt")
    found = find_sequences([tmp_path / "gt"])
    assert [(one.name, one.length, one.frame_rate) for one in found] == [
        ("a", 12, 10),
        ("b", 12, 10),
    ]
    assert (found[0].images, found[1].images) == (tmp_path / "gt" / "a" / "img1", None)
    truth = tmp_path / "gt" / "b" / "gt" / "gt.txt"
    assert find_sequences([truth]) == find_sequences([tmp_path / "gt" / "b"]) == [found[1]]


def test_a_plain_file_is_named_by_its_stem(tmp_path: Path) -> None:
    path = touched(tmp_path / "door.txt")
    assert find_sequences([path]) == [MotSequence("door", path)]


def test_truths_are_known_by_their_folders_and_names(tmp_path: Path) -> None:
    sequence, result = write_sequence(tmp_path, "a", 0)
    truths = [tmp_path / "gt", sequence, sequence / "gt" / "gt.txt"]
    assert all(map(is_truth, truths))
    assert not any(map(is_truth, [result, result.parent, tmp_path / "none"]))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"'Sequence': expected seqLength and frameRate under \[Sequence\]"),
        ("[Sequence]\nframeRate=5\n", "seqLength"),
        ("[Sequence]\nseqLength=x\n", "could not convert string to float: 'x'"),
        ("[Sequence]\nseqLength=0\n", "seqLength 0, frameRate 25: expected more than 0"),
        ("[Sequence]\nseqLength=1e99\n", r"seqLength 1e\+99"),
        ("[Sequence]\nseqLength=nan\n", "seqLength nan"),
        ("[Sequence]\nseqLength=9\nframeRate=nan\n", "frameRate nan"),
        ("seqLength=9\n", "no section headers"),
    ],
)
def test_a_damaged_seqinfo_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    sequence, _ = write_sequence(tmp_path, "a", 0)
    (sequence / "seqinfo.ini").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        find_sequences([sequence])
    assert "\n" not in str(caught.value)


def test_a_folder_of_frames_that_cannot_be_named_is_none(tmp_path: Path) -> None:
    sequence, _ = write_sequence(tmp_path, "a", 0)
    (sequence / "seqinfo.ini").write_text(f"[Sequence]\nimDir={'x' * 5000}\nseqLength=9\n")
    (found,) = find_sequences([sequence])
    assert found.images is None


def test_without_a_seqinfo_the_length_is_unknown(tmp_path: Path) -> None:
    sequence, _ = write_sequence(tmp_path, "a", 0)
    (sequence / "seqinfo.ini").unlink()
    assert find_sequences([sequence]) == [MotSequence("a", sequence / "gt" / "gt.txt")]


def test_names_that_are_missing_or_given_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected gt/gt\.txt or SEQUENCE/gt/gt\.txt"):
        find_sequences([tmp_path])
    path = touched(tmp_path / "a.txt")
    with pytest.raises(InputError, match="sequence a is given twice"):
        find_sequences([path, path])


def sequences(*names: str) -> list[MotSequence]:
    return [MotSequence(name, Path(f"{name}.txt")) for name in names]


def test_results_of_a_folder_have_the_names_of_their_sequences(tmp_path: Path) -> None:
    files = {
        "a": touched(tmp_path / "a.txt"),
        "b": touched(tmp_path / "data" / "b.txt"),
        "c": touched(tmp_path / "c_global.txt"),
        "d": touched(tmp_path / "d" / "img1.txt"),
    }
    touched(tmp_path / "a_global.txt")
    touched(tmp_path / "other.txt")
    assert find_results(sequences("d", "c", "b", "a"), [tmp_path]) == files


def test_one_sequence_takes_the_only_text_of_a_run_s_folder(tmp_path: Path) -> None:
    only = touched(tmp_path / "video.txt")
    touched(tmp_path / "video.jsonl")
    assert find_results(sequences("a"), [tmp_path]) == {"a": only}
    touched(tmp_path / "video2.txt")
    with pytest.raises(InputError, match=r"no result of a in .*: expected a\.txt; a sequence in"):
        find_results(sequences("a"), [tmp_path])


def test_files_belong_in_order_unless_they_are_named(tmp_path: Path) -> None:
    x, y, a, b = (touched(tmp_path / f"{name}.txt") for name in "xyab")
    assert find_results(sequences("a", "b"), [x, y]) == {"a": x, "b": y}
    assert find_results(sequences("a", "b"), [b, a]) == {"a": a, "b": b}
    with pytest.raises(InputError, match="no result of b"):
        find_results(sequences("a", "b"), [y, a])
    with pytest.raises(InputError, match=r"no result of b, c, d, e, f and 1 more in"):
        find_results(sequences(*"abcdefg"), [a])
