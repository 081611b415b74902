"""Score what `reid-track VIDEO` writes, run as a user runs it; prints a Markdown table.

    python -m tests.benchmarks.default_command [--row NAME ...] [--models shipped|public ...]

Each row is one whole command in a process of its own, and the score of the MOTChallenge text that
it leaves. The models are the shipped ones, which a run takes by itself, or YOLO11n of COCO with an
OSNet x0.25 of MSMT17 and the same tracker.

View 006 has a ground truth that was projected from view 001, so its boxes are approximate and some
people are not labelled. Found and true boxes are paired there, pairs below an IoU of 0.5 and single
boxes do not count, and there is no MOTA. "two cameras" is scored by people, over both views, as in
`tests.benchmarks.multi_camera`; view 006 counts there as it does alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reid_tracker.errors import ReidTrackerError
from reid_tracker.evaluate.multi_camera import CameraResult, IdentityBoxes, evaluate_multi_camera
from tests.benchmarks.mot_cached import SHARED
from tests.benchmarks.mot_scores import boxes_of, read_mot, score
from tests.benchmarks.multi_camera import FOLDER as PETS
from tests.benchmarks.multi_camera import truth as people_of_both_views

TUD = SHARED / "mot" / "TUD-Campus"
WEIGHTS = SHARED.parent / "weights"
MODELS: Mapping[str, Sequence[str]] = {
    "shipped": (),
    "public": (
        *("--detector", str(WEIGHTS / "yolo11n_int8_openvino_model")),
        *("--encoder", str(WEIGHTS / "osnet_x0_25_msmt17.onnx")),
    ),
}
COLUMNS = ("HOTA", "IDF1", "MOTA", "IDSW")
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Row:
    """One command.

    Attributes:
        sources: what `reid-track` reads.
        options: the other words of the command.
        truth: MOTChallenge text; None scores identities over both views of PETS09-S2L1.
        matched_only: the truth is approximate, see `CameraResult`.
    """

    sources: tuple[Path, ...]
    options: tuple[str, ...]
    truth: Path | None
    matched_only: bool = False

    def command(self, models: str, output: Path) -> list[str]:
        """Return the words after `reid-track`."""
        return [*map(str, self.sources), *self.options, *MODELS[models], "-o", str(output)]

    def score(self, output: Path) -> Scores:
        """Score what the command left in its folder."""
        if self.truth is None:
            return _identities(
                {
                    source.stem: CameraResult(
                        people_of_both_views(people=True)[source.stem],
                        _boxes(output / f"{source.stem}_global.txt"),
                        matched_only=source.stem == "view006",
                    )
                    for source in self.sources
                }
            )
        (result,) = output.glob("*.txt")
        if self.matched_only:
            both = CameraResult(_boxes(self.truth), _boxes(result), matched_only=True)
            return _identities({result.stem: both})
        return score(read_mot(self.truth), read_mot(result))


ROWS = {
    "PETS09-S2L1 view 001": Row(
        (PETS / "view001.mp4",), ("--fps", "7"), SHARED / "mot" / "PETS09-S2L1" / "gt" / "gt.txt"
    ),
    "PETS09-S2L1 view 006": Row(
        (PETS / "view006.mp4",), ("--fps", "7"), PETS / "gt_view006.txt", matched_only=True
    ),
    "TUD-Campus": Row((TUD / "img1",), ("--fps", "25"), TUD / "gt" / "gt.txt"),
    "two cameras": Row((PETS / "view001.mp4", PETS / "view006.mp4"), ("--fps", "7"), None),
}


def run(row: Row, models: str) -> Scores:
    """Run a command, and score it.

    Raises:
        ReidTrackerError: the command failed.
    """
    with tempfile.TemporaryDirectory(prefix="reid-default-") as folder:
        output = Path(folder) / "results"
        words = [sys.executable, "-m", "reid_tracker.cli.main", *row.command(models, output)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ReidTrackerError(f"{' '.join(words)}: {done.stderr.strip()}")
        return row.score(output)


def line(name: str, row: Row, models: str, scores: Scores) -> str:
    """Format a row of the table."""
    sources = " ".join("/".join(path.parts[-2:]) for path in row.sources)
    command = " ".join(["reid-track", sources, *row.options])
    cells = [_cell(column, scores.get(column)) for column in COLUMNS]
    return f"| {name} | `{command}` | {models} | {' | '.join(cells)} |"


def _cell(column: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0f}" if column == "IDSW" else f"{value:.1f}"


def _identities(cameras: Mapping[str, CameraResult]) -> Scores:
    found = evaluate_multi_camera(cameras)
    return {"HOTA": 100 * found.hota, "IDF1": 100 * found.idf1}


def _boxes(file: Path) -> IdentityBoxes:
    rows = read_mot(file)
    return boxes_of(rows[rows[:, 1] > 0])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Score whole commands.")
    parser.add_argument("--row", action="append", choices=ROWS, help="only this; repeatable")
    parser.add_argument("--models", action="append", choices=MODELS, help="only these; repeatable")
    arguments = parser.parse_args()
    heads = ("sequence", "command", "models", *COLUMNS)
    print(f"| {' | '.join(heads)} |\n|---|---|---|{'--:|' * len(COLUMNS)}", flush=True)
    for name in arguments.row or ROWS:
        for models in arguments.models or MODELS:
            print(line(name, ROWS[name], models, run(ROWS[name], models)), flush=True)


if __name__ == "__main__":
    main()
