"""The rules of the benchmarks: which rows are taken out, and that sizes are checked first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.evaluate.mot import (
    Benchmark,
    ScoredFrames,
    TrueBoxes,
    benchmark_of,
    read_result,
    read_truth,
    scored_frames,
)
from reid_tracker.evaluate.multi_camera import IdentityBoxes

# A pedestrian, one who is not to be found, a reflection, a bicycle (6) and a car (3).
TRUTH = """\
1,1,0,0,10,10,1,1,1
1,2,100,0,10,10,0,1,1
1,3,200,0,10,10,1,12,1
1,4,300,0,10,10,1,6,1
1,5,400,0,10,10,1,3,1
"""
FOUND = "".join(f"1,{n + 11},{100 * n},1,10,10,1,-1,-1,-1\n" for n in range(6))


def compared(folder: Path, benchmark: Benchmark) -> ScoredFrames:
    (folder / "gt.txt").write_text(TRUTH)
    (folder / "found.txt").write_text(FOUND)
    return scored_frames(
        read_truth(folder / "gt.txt"), read_result(folder / "found.txt"), benchmark
    )


@pytest.mark.parametrize(
    ("benchmark", "people", "found"),
    [
        ("MOT15", [1, 3, 4, 5], [11, 12, 13, 14, 15, 16]),
        ("MOT16", [1], [11, 12, 14, 15, 16]),
        ("MOT17", [1], [11, 12, 14, 15, 16]),
        ("MOT20", [1], [11, 12, 15, 16]),
    ],
)
def test_each_benchmark_takes_out_its_rows(
    tmp_path: Path, benchmark: Benchmark, people: list[int], found: list[int]
) -> None:
    frames = compared(tmp_path, benchmark)
    assert frames.true_ids[0].tolist() == people
    assert frames.found_ids[0].tolist() == found
    assert frames.overlaps[0].shape == (len(people), len(found))
    assert frames.overlaps[0][0, 0] == pytest.approx(90 / 110)


def test_a_found_box_of_a_person_beside_a_distractor_stays() -> None:
    """A distractor takes the box that fits it best, and no second one."""
    boxes = np.array([[0.0, 0, 10, 10], [2, 0, 12, 10]])
    ones = np.ones(2, np.int64)
    truth = TrueBoxes(IdentityBoxes(ones, np.array([1, 2]), boxes), ones > 0, np.array([1, 8]))
    found = IdentityBoxes(ones, np.array([5, 6]), boxes)
    assert scored_frames(truth, found, "MOT17").found_ids[0].tolist() == [5]


def test_the_rules_follow_from_the_name_and_the_columns(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text(TRUTH)
    (tmp_path / "old.txt").write_text("1,1,0,0,10,10,1,-1,-1,-1\n")
    new, old = read_truth(tmp_path / "new.txt"), read_truth(tmp_path / "old.txt")
    names = ("MOT16-02", "MOT17-02-DPM", "mot20-05", "dancetrack0001")
    assert [benchmark_of(name, new) for name in names] == ["MOT16", "MOT17", "MOT20", "MOT17"]
    assert benchmark_of("TUD-Campus", old) == "MOT15"
    assert (benchmark_of("MOT15-1", new), benchmark_of("MOT17-1", old)) == ("MOT15", "MOT17")
    with pytest.raises(InputError, match=r"rules of MOT20 need nine columns .*--benchmark MOT15"):
        scored_frames(old, old.boxes, "MOT20")


def test_frames_are_those_with_boxes_and_rows_keep_their_order() -> None:
    def boxes(frames: list[int], ids: list[int]) -> IdentityBoxes:
        return IdentityBoxes(np.array(frames), np.array(ids), np.zeros((len(ids), 4)))

    truth = boxes([7, 2**50, 7], [3, 1, 2])
    frames = scored_frames(
        TrueBoxes(truth, np.ones(3, np.bool_), None), boxes([9, 7], [4, 5]), "MOT15"
    )
    assert frames.numbers.tolist() == [7, 9, 2**50]
    assert [ids.tolist() for ids in frames.true_ids] == [[3, 2], [], [1]]
    assert [ids.tolist() for ids in frames.found_ids] == [[5], [4], []]
    empty = boxes([], [])
    nothing = scored_frames(TrueBoxes(empty, np.ones(0, np.bool_), None), empty, "MOT15")
    assert nothing.overlaps == []


def test_too_many_boxes_in_a_frame_are_refused_before_memory_is_taken() -> None:
    count = 20_000
    many = IdentityBoxes(
        np.ones(count, np.int64), np.arange(count), np.zeros((count, 4), np.float64)
    )
    with pytest.raises(InputError, match=r"up to 20000 true and 20000 found boxes in a frame"):
        scored_frames(TrueBoxes(many, np.ones(count, np.bool_), None), many, "MOT15")
