"""Reads MOTChallenge text: ground truth, or the result of a tracker."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reid_tracker.arrays import BoolArray, FloatArray, IntArray
from reid_tracker.errors import InputError
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.evaluate.text_lines import text_lines
from reid_tracker.geometry import tlwh_to_xyxy

_COLUMNS = ("frame", "id", "left", "top", "width", "height", "column 7", "column 8")
_NEEDED = 6
_LARGEST = np.array([2.0**53, 2.0**53, 1e9, 1e9, 1e9, 1e9])
"""Limits of frame and id (exact in float64) and of pixels (finite area)."""

CLASSES = range(1, 14)
"""Classes of MOT16, MOT17 and MOT20; 1 is a pedestrian."""


@dataclass(frozen=True, eq=False)
class TrueBoxes:
    """All rows of a sequence's ground truth.

    Attributes:
        boxes: frames, ids and boxes.
        marked: (N,) whether a row counts: column 7 is not zero.
        classes: (N,) classes of MOT16, MOT17 and MOT20; None if column 8 is not a class.
    """

    boxes: IdentityBoxes
    marked: BoolArray
    classes: IntArray | None


def read_truth(path: Path, length: int | None = None) -> TrueBoxes:
    """Read ground truth: `frame,id,left,top,width,height[,mark[,class,visibility]]`.

    Args:
        path: the file.
        length: number of frames of the sequence, if it is known.

    Raises:
        InputError: the file cannot be read, or a line is malformed.
    """
    table, _, columns = _read(path, length)
    classes = table[:, 7]
    # Nine columns as in MOT16 and later; MOT15 has ten, with world coordinates in column 8.
    known = columns == {9} and bool(np.isin(classes, CLASSES).all())
    return TrueBoxes(
        boxes=_boxes(table),
        marked=~(np.abs(table[:, 6]) < 1),  # whole numbers, as in trackeval; without a column, True
        classes=classes.astype(np.int64) if known else None,
    )


def read_result(path: Path, length: int | None = None) -> IdentityBoxes:
    """Read the tracks of a result: `frame,id,left,top,width,height[,confidence[,class,...]]`.

    Args:
        path: the file; an empty file means that no person was found.
        length: number of frames of the sequence, if it is known.

    Raises:
        InputError: the file cannot be read, a line is malformed, or a box's class is not
            pedestrian (1).
    """
    table, lines, _ = _read(path, length)
    for row in np.flatnonzero(table[:, 7] >= 2)[:1]:
        raise InputError(
            f"{path}, line {lines[row]}: class {table[row, 7]:g} in column 8: only people are "
            "scored; expected 1 or -1, remove the other rows"
        )
    return _boxes(table)


def _read(path: Path, length: int | None) -> tuple[FloatArray, IntArray, set[int]]:
    """Return (N, 8) values, NaN where missing, their (N,) lines, and all column counts.

    Raises:
        InputError: the file cannot be read, or a line is malformed.
    """
    values, numbers, columns = array("d"), array("q"), set()
    for number, cells in text_lines(path):
        columns.add(len(cells))
        try:
            row = [float(cell) for cell in cells[: len(_COLUMNS)]]
        except ValueError:
            row = []
        if len(row) < _NEEDED:
            raise InputError(
                f"{path}, line {number}: {' '.join(cells)[:60]!r}: expected numbers: "
                "frame,id,left,top,width,height"
            )
        values.extend(row + [np.nan] * (len(_COLUMNS) - len(row)))
        numbers.append(number)
    table = np.array(values, np.float64).reshape(-1, len(_COLUMNS))
    lines = np.array(numbers, np.int64)
    _check_values(path, table, lines, length)
    _check_once(path, table, lines)
    return table, lines, columns


def _check_values(path: Path, table: FloatArray, lines: IntArray, length: int | None) -> None:
    """Refuse values that are too large or not whole, and frames outside the sequence.

    Raises:
        InputError: a row has such a value.
    """
    wrong = ~(np.abs(table[:, :_NEEDED]) <= _LARGEST)  # also NaN
    wrong[:, :2] |= np.floor(table[:, :2]) != table[:, :2]
    for row, column in np.argwhere(wrong)[:1].tolist():
        kind = "a whole number" if column < 2 else "a number of pixels"
        raise InputError(
            f"{path}, line {lines[row]}: {_COLUMNS[column]} {table[row, column]:g}: expected {kind}"
        )
    last = np.inf if length is None else length
    for row in np.flatnonzero((table[:, 0] < 1) | (table[:, 0] > last))[:1]:
        end = "" if length is None else f" to {length}, the length of the sequence"
        raise InputError(
            f"{path}, line {lines[row]}: frame {table[row, 0]:.0f}: frames count from 1{end}"
        )


def _check_once(path: Path, table: FloatArray, lines: IntArray) -> None:
    """Refuse an id that occurs twice in a frame.

    Raises:
        InputError: an id occurs twice; the message names both lines.
    """
    order = np.lexsort((lines, table[:, 1], table[:, 0]))
    keys = table[order, :2]
    for place in np.flatnonzero((keys[1:] == keys[:-1]).all(axis=1))[:1]:
        frame, identity = keys[place]
        first, second = lines[order[place : place + 2]]
        raise InputError(
            f"{path}, line {second}: id {identity:.0f} occurs twice in frame {frame:.0f}, first in "
            f"line {first}: "
            + (
                "detections have no ids, expected tracks"
                if identity == -1
                else "keep one of the two boxes"
            )
        )


def _boxes(table: FloatArray) -> IdentityBoxes:
    return IdentityBoxes(
        frames=table[:, 0].astype(np.int64),
        ids=table[:, 1].astype(np.int64),
        boxes=tlwh_to_xyxy(table[:, 2:_NEEDED]),
    )
