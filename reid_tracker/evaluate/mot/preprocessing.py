"""The rules by which MOTChallenge removes rows before scoring.

MOT15 removes ground truth rows that are marked by zero. MOT16, MOT17 and MOT20 also remove ground
truth of other classes than pedestrian, and found boxes that match a distractor: a person on a
vehicle, a statue, a reflection, in MOT20 also a vehicle. Finding a distractor does not change a
score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from scipy.optimize import linear_sum_assignment

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.evaluate.engine import check_pairs
from reid_tracker.evaluate.mot.text import TrueBoxes
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.geometry import iou_matrix

Benchmark = Literal["MOT15", "MOT16", "MOT17", "MOT20"]
BENCHMARKS: tuple[Benchmark, ...] = get_args(Benchmark)

MIN_IOU = 0.5 - np.finfo(np.float64).eps
"""Boxes with a lower IoU do not match; like trackeval, this allows for rounding."""

_PEDESTRIAN = 1
_DISTRACTORS = (2, 7, 8, 12)
"""A person on a vehicle, a static person, a distractor, a reflection."""
_VEHICLE = 6
"""A vehicle without a motor, a distractor in MOT20 only."""


@dataclass(frozen=True, eq=False)
class ScoredFrames:
    """The scored boxes of a sequence, for each frame with boxes.

    Attributes:
        numbers: (F,) frame numbers, ascending.
        true_ids: (G,) ids for each frame.
        found_ids: (R,) ids for each frame.
        overlaps: (G, R) IoU for each frame.
    """

    numbers: IntArray
    true_ids: list[IntArray]
    found_ids: list[IntArray]
    overlaps: list[FloatArray]


def benchmark_of(name: str, truth: TrueBoxes) -> Benchmark:
    """Return the benchmark whose rules apply, by the sequence's name and ground truth columns.

    A name that begins with a benchmark's name uses its rules. Others use those of MOT17 if the
    truth has classes, which also suits DanceTrack, SportsMOT and CVAT exports, else those of MOT15.
    """
    usual: Benchmark = "MOT15" if truth.classes is None else "MOT17"
    return next((one for one in BENCHMARKS if name.upper().startswith(one)), usual)


def scored_frames(truth: TrueBoxes, found: IdentityBoxes, benchmark: Benchmark) -> ScoredFrames:
    """Compare true and found boxes frame by frame, by the rules of a benchmark.

    Raises:
        InputError: the rules need classes that the truth lacks, or there are too many boxes.
    """
    if benchmark != "MOT15" and truth.classes is None:
        raise InputError(
            f"the rules of {benchmark} need nine columns with a class from 1 to 13 in the eighth, "
            "which the ground truth lacks; use those of MOT15 (--benchmark MOT15)"
        )
    boxes = truth.boxes
    numbers = np.union1d(boxes.frames, found.frames)
    true_rows, found_rows = _by_frame(boxes.frames, numbers), _by_frame(found.frames, numbers)
    check_pairs(np.array([*map(len, true_rows)]), np.array([*map(len, found_rows)]))
    true_ids, found_ids, overlaps = [], [], []
    for true, others in zip(true_rows, found_rows, strict=True):
        overlap = iou_matrix(boxes.boxes[true], found.boxes[others])
        kept, scored = truth.marked[true], np.ones(len(others), np.bool_)
        if benchmark != "MOT15" and truth.classes is not None:
            classes = truth.classes[true]
            kept &= classes == _PEDESTRIAN
            scored = ~_on_distractors(overlap, classes, benchmark)
        true_ids.append(boxes.ids[true[kept]])
        found_ids.append(found.ids[others[scored]])
        overlaps.append(overlap[np.ix_(kept, scored)])
    return ScoredFrames(numbers, true_ids, found_ids, overlaps)


def _by_frame(frames: IntArray, numbers: IntArray) -> list[IntArray]:
    """Return the rows of each frame, in their order."""
    order = np.argsort(frames, kind="stable")
    ends = np.searchsorted(frames[order], numbers, side="right")
    return np.split(order, ends[:-1]) if len(numbers) else []


def _on_distractors(overlap: FloatArray, classes: IntArray, benchmark: Benchmark) -> BoolArray:
    """Return (R,) whether each found box matches a true box of a distractor class."""
    taken = np.zeros(overlap.shape[1], np.bool_)
    weights = np.where(overlap < MIN_IOU, 0, overlap)
    rows, columns = linear_sum_assignment(-weights)
    matched = weights[rows, columns] > np.finfo(np.float64).eps
    distractors = (*_DISTRACTORS, _VEHICLE) if benchmark == "MOT20" else _DISTRACTORS
    taken[columns[matched]] = np.isin(classes[rows[matched]], distractors)
    return taken
