"""Score MOTChallenge text with trackeval's metric classes: HOTA, DetA, AssA, MOTA, IDF1, switches.

    python -m tests.benchmarks.mot_scores GT.txt RESULT.txt [RESULT.txt ...]

The rules are those of MOTChallenge 2015 in trackeval: ground truth rows with 0 in the seventh
column are ignored, and boxes match by IoU.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.geometry import iou_matrix, tlwh_to_xyxy

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
    truth = truth[truth[:, 6] != 0]
    data = _sequence(truth, result.reshape(-1, result.shape[1] if result.size else 10))
    # Here, so that what only reads files needs no trackeval.
    from trackeval.metrics import CLEAR, HOTA, Identity

    hota = HOTA().eval_sequence(data)
    clear = CLEAR({"PRINT_CONFIG": False}).eval_sequence(data)
    identity = Identity({"PRINT_CONFIG": False}).eval_sequence(data)
    return {
        "HOTA": 100 * float(np.mean(hota["HOTA"])),
        "DetA": 100 * float(np.mean(hota["DetA"])),
        "AssA": 100 * float(np.mean(hota["AssA"])),
        "MOTA": 100 * float(clear["MOTA"]),
        "IDF1": 100 * float(identity["IDF1"]),
        "IDSW": float(clear["IDSW"]),
    }


def _sequence(truth: Rows, result: Rows) -> dict[str, Any]:
    """Arrange both sides frame by frame, as trackeval's metric classes want them."""
    _, truth_ids = np.unique(truth[:, 1], return_inverse=True)
    _, result_ids = np.unique(result[:, 1], return_inverse=True)
    frames = int(max(truth[:, 0].max(initial=0), result[:, 0].max(initial=0)))
    data: dict[str, Any] = {
        "num_timesteps": frames,
        "num_gt_dets": len(truth),
        "num_tracker_dets": len(result),
        "num_gt_ids": len(np.unique(truth_ids)),
        "num_tracker_ids": len(np.unique(result_ids)),
        "gt_ids": [],
        "tracker_ids": [],
        "similarity_scores": [],
    }
    for frame in range(1, frames + 1):
        here, there = truth[:, 0] == frame, result[:, 0] == frame
        data["gt_ids"].append(truth_ids[here])
        data["tracker_ids"].append(result_ids[there])
        data["similarity_scores"].append(
            iou_matrix(tlwh_to_xyxy(truth[here, 2:6]), tlwh_to_xyxy(result[there, 2:6]))
        )
    return data


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


def main() -> None:
    """Score the files named on the command line."""
    parser = argparse.ArgumentParser(description="Score MOTChallenge text files.")
    parser.add_argument("truth", type=Path, help="ground truth, MOTChallenge gt.txt")
    parser.add_argument("results", type=Path, nargs="+", help="tracks, MOTChallenge text")
    arguments = parser.parse_args()
    truth = read_mot(arguments.truth)
    print(table({path.stem: score(truth, read_mot(path)) for path in arguments.results}))


if __name__ == "__main__":
    main()
