"""Scores of tracks for the programs of this folder: HOTA, DetA, AssA, MOTA, IDF1, id switches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker.evaluate.mot import TrueBoxes, evaluate_mot, scored_frames
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.geometry import tlwh_to_xyxy

COLUMNS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1", "IDSW")
Rows = npt.NDArray[np.float64]


def read_mot(path: Path) -> Rows:
    """Read MOT text into (N, >=7) rows: frame from 1, id, left, top, width, height, confidence."""
    return np.loadtxt(path, delimiter=",", ndmin=2)


def score(truth: Rows, result: Rows) -> dict[str, float]:
    """Score tracks against ground truth.

    Args:
        truth: (G, >=7) MOT rows; rows with column 7 equal to 0 are ignored.
        result: (R, >=6) MOT rows.

    Returns:
        The figures named in `COLUMNS`: percent, and a count for IDSW.
    """
    boxes = TrueBoxes(boxes_of(truth), truth[:, 6] != 0, None)
    found = evaluate_mot({"": scored_frames(boxes, boxes_of(result), "MOT15")}).combined
    return {
        "HOTA": 100 * found.hota,
        "DetA": 100 * found.det_a,
        "AssA": 100 * found.ass_a,
        "MOTA": 100 * found.mota,
        "IDF1": 100 * found.idf1,
        "IDSW": float(found.switches),
    }


def boxes_of(rows: Rows) -> IdentityBoxes:
    """Return the boxes of MOT rows."""
    rows = rows.reshape(-1, rows.shape[1] if rows.size else 10)
    frames, ids = rows[:, :2].astype(np.int64).T
    return IdentityBoxes(frames, ids, tlwh_to_xyxy(rows[:, 2:6]))


def table(rows: dict[str, dict[str, float]]) -> str:
    """Format named scores as a text table."""
    width = max([8, *map(len, rows)])
    lines = [" " * width + "".join(f"{name:>8}" for name in COLUMNS)]
    for name, scores in rows.items():
        cells = [
            f"{scores[key]:8.0f}" if key == "IDSW" else f"{scores[key]:8.1f}" for key in COLUMNS
        ]
        lines.append(name.ljust(width) + "".join(cells))
    return "\n".join(lines)
