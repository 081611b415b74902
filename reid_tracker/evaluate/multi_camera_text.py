"""Reads tracks of several cameras: a file of the AI City Challenge, or a folder of MOT texts.

A file holds one box per line: camera, identity, frame, left, top, width, height. Further columns
(world coordinates) are ignored. Spaces or commas separate columns. The camera may be a name.

A folder is the output of a run (`CAMERA_global.txt`, or `CAMERA.txt` for one camera), or holds a
MOTChallenge text per camera, `CAMERA.txt` or `CAMERA/gt/gt.txt`, with identities that hold in all
cameras.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from reid_tracker.errors import InputError
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.evaluate.text_lines import text_lines
from reid_tracker.geometry import tlwh_to_xyxy

_LARGEST = (2**53, 2**53, 1e9, 1e9, 1e9, 1e9)
"""Limits of identity and frame (exact in float64) and of pixels (finite area)."""

_FINAL = "_global"
_PERSON = {"1", "-1"}
"""Classes of MOTChallenge ground truth that count as people: pedestrian, and no class."""


def read_tracks(path: Path) -> dict[str, IdentityBoxes]:
    """Return the boxes of each camera by name, from a file or a folder.

    Raises:
        InputError: a file cannot be read, a line is malformed, or an identity occurs twice in a
            frame.
    """
    if not path.is_dir():
        rows = (
            (f"{path}, line {number}", cells[0], cells[1:7], cells)
            for number, cells in text_lines(path)
        )
        return _boxes(rows, "camera identity frame left top width height")
    found: dict[str, IdentityBoxes] = {}
    for camera, file in _files(path).items():
        rows = (
            (f"{file}, line {number}", camera, [*cells[1:2], *cells[:1], *cells[2:6]], cells)
            for number, cells in text_lines(file)
            if _counts(cells, truth=file.name == "gt.txt")
        )
        found |= _boxes(rows, "frame,identity,left,top,width,height")
    return found


def _files(folder: Path) -> dict[str, Path]:
    """Return the MOT text of each camera."""
    texts = {one.stem: one for one in sorted(folder.glob("*.txt")) if not one.name.startswith(".")}
    final = {stem.removesuffix(_FINAL): one for stem, one in texts.items() if stem.endswith(_FINAL)}
    truths = {one.parts[-3]: one for one in sorted(folder.glob("[!.]*/gt/gt.txt"))}
    if not (files := final or texts or truths):
        raise InputError(
            f"{folder}: expected CAMERA_global.txt of a run, CAMERA.txt or CAMERA/gt/gt.txt"
        )
    return files


def _counts(cells: list[str], *, truth: bool) -> bool:
    """Whether a MOTChallenge line counts: ground truth marks other lines by 0 or by class."""
    return cells[6:7] != ["0"] and not (truth and {*cells[7:8]} - _PERSON)


def _boxes(
    rows: Iterable[tuple[str, str, list[str], list[str]]], columns: str
) -> dict[str, IdentityBoxes]:
    """Return boxes by camera.

    Args:
        rows: for each line its position, camera, cells of identity, frame and box, and all cells.
        columns: the expected columns, for messages.
    """
    tables: dict[str, list[list[float]]] = {}
    places: dict[tuple[str, float, float], str] = {}
    for where, camera, wanted, cells in rows:
        values = _parsed(wanted)
        if values is None:
            raise InputError(f"{where}: {' '.join(cells)[:60]!r}: expected {columns}")
        before = places.setdefault((camera, values[0], values[1]), where)
        if before is not where:
            raise InputError(
                f"{where}: identity {values[0]:.0f} occurs twice in frame {values[1]:.0f} of "
                f"camera {camera}, first in {before}; keep one of the two boxes"
            )
        tables.setdefault(camera, []).append(values)
    found = {}
    for camera, table in sorted(tables.items()):
        array = np.array(table)
        found[camera] = IdentityBoxes(
            frames=array[:, 1].astype(np.int64),
            ids=array[:, 0].astype(np.int64),
            boxes=tlwh_to_xyxy(array[:, 2:]),
        )
    return found


def _parsed(cells: list[str]) -> list[float] | None:
    """Return identity, frame and box; None where they are malformed."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return None
    # NaN fails this comparison, too.
    small = len(values) == 6 and all(
        abs(value) <= most for value, most in zip(values, _LARGEST, strict=True)
    )
    whole = small and values[0].is_integer() and values[1].is_integer() and min(values[4:]) >= 0
    return values if whole else None
