"""Compare person detectors on PETS09-S2L1 (view 001) and TUD-Campus; prints a Markdown table.

    python -m tests.benchmarks.detector_scores [--detector MODEL[@CONFIDENCE] ...]
        [--hog-packages FOLDER] [--sequences PETS09-S2L1] [--image-size 640] [--every 10] [--sweep]

Precision, recall and F1 use detections with at least the given confidence, `AP50` all from 0.01. A
true positive has an IoU of at least 0.5; ground truth rows with 0 in the seventh column are
ignored, as in `mot_scores`. "hog" is OpenCV's people detector, "hog:2" the same on frames enlarged
twice; see hog_people.py for --hog-packages.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_tracker import build_detector
from reid_tracker.config import DetectorConfig
from reid_tracker.detect import Detector
from reid_tracker.errors import ReidTrackerError
from reid_tracker.evaluate import FrameBoxes, match_detections, precision_recall_f1
from reid_tracker.geometry import tlwh_to_xyxy
from reid_tracker.video import open_source
from tests.benchmarks.detection_metrics import average_precision
from tests.benchmarks.hog_people import HOG_CONFIDENCE, HogDetector
from tests.benchmarks.mot_cached import SHARED
from tests.benchmarks.mot_scores import read_mot

LEAST_CONFIDENCE = 0.01
WARM_UP_FRAMES = 3
DEFAULTS = ("auto", SHARED.parent / "weights" / "yolo11n_int8_openvino_model", "hog", "hog:2")
SWEEP = [round(0.05 * step, 2) for step in range(1, 19)]


@dataclass(frozen=True)
class Scene:
    """Frames with ground truth.

    Attributes:
        frames: what `open_source` takes.
        truth: MOTChallenge gt.txt.
    """

    frames: Path
    truth: Path


SCENES = {
    "PETS09-S2L1": Scene(
        SHARED / "multicam" / "PETS09-S2L1" / "view001.mp4",
        SHARED / "mot" / "PETS09-S2L1" / "gt" / "gt.txt",
    ),
    "TUD-Campus": Scene(
        SHARED / "mot" / "TUD-Campus" / "img1",
        SHARED / "mot" / "TUD-Campus" / "gt" / "gt.txt",
    ),
}


@dataclass(frozen=True)
class Result:
    """What a detector found in a scene.

    Attributes:
        scores: (N,) confidences.
        hits: (N,) which of them are people.
        truths: number of people in the ground truth.
        ap50: average precision at IoU 0.5, in [0, 1].
        frame_ms: median time of a frame.
    """

    scores: npt.NDArray[np.float64]
    hits: npt.NDArray[np.bool_]
    truths: int
    ap50: float
    frame_ms: float


@dataclass(frozen=True)
class Entrant:
    """A detector as the command line names it: MODEL or MODEL@CONFIDENCE."""

    model: str
    confidence: float

    @property
    def name(self) -> str:
        """What the table calls it."""
        return Path(self.model).name


def parse_entrant(text: str, confidence: float) -> Entrant:
    """Split MODEL@CONFIDENCE; without the latter, `confidence` holds, and for hog its own."""
    model, mark, number = text.rpartition("@")
    if mark:
        with contextlib.suppress(ValueError):  # an @ of the file's name
            return Entrant(model, float(number))
    return Entrant(text, HOG_CONFIDENCE if is_hog(text) else confidence)


def is_hog(model: str) -> bool:
    """Tell "hog" and "hog:FACTOR" from models."""
    return model.partition(":")[0] == "hog"


def build(model: str, image_size: int | None, packages: Path | None) -> Detector:
    """Build a detector, or "hog" or "hog:FACTOR".

    Raises:
        ReidTrackerError: it is not here.
    """
    if is_hog(model):
        return HogDetector(packages, float(model.partition(":")[2] or 1))
    return build_detector(model, conf=LEAST_CONFIDENCE, image_size=image_size)


def detect(detector: Detector, scene: Scene, every: int) -> tuple[FrameBoxes, list[int], float]:
    """Return the detections, the numbers of the frames looked at, and the median ms of a frame."""
    boxes, scores = [np.empty((0, 4))], [np.empty(0)]
    numbers: list[int] = []
    counts: list[int] = []
    times_ms: list[float] = []
    with open_source(scene.frames, stride=every) as source:
        for frame in source:
            start = time.perf_counter()
            found = detector.detect(frame.image, frame.index)
            times_ms.append(1000 * (time.perf_counter() - start))
            boxes.append(found.boxes.astype(np.float64))
            scores.append(found.scores.astype(np.float64))
            numbers.append(frame.index + 1)
            counts.append(len(found))
    frames = np.repeat(np.array(numbers, np.int64), counts)
    boxes_found = FrameBoxes(frames, np.concatenate(boxes), np.concatenate(scores))
    return boxes_found, numbers, statistics.median(times_ms[WARM_UP_FRAMES:] or times_ms)


def evaluate(detector: Detector, scene: Scene, every: int) -> Result:
    """Run a detector over a scene and compare what it found with the ground truth."""
    found, numbers, frame_ms = detect(detector, scene, every)
    rows = read_mot(scene.truth)
    rows = rows[(rows[:, 6] != 0) & np.isin(rows[:, 0], numbers)]
    truth = FrameBoxes(rows[:, 0].astype(np.int64), tlwh_to_xyxy(rows[:, 2:6]), np.ones(len(rows)))
    hits = match_detections(found, truth)
    return Result(found.scores, hits, len(truth), average_precision(found, truth), frame_ms)


Results = Mapping[Entrant, Mapping[str, Result]]


def table(results: Results, scenes: Sequence[str]) -> str:
    """Format all results as a Markdown table."""
    columns = ("precision", "recall", "F1", "AP50", "ms")
    heads = ["detector", "confidence", *(f"{scene} {name}" for scene in scenes for name in columns)]
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1)]
    for entrant, by_scene in results.items():
        cells = [entrant.name, f"{entrant.confidence:g}"]
        for scene in scenes:
            result = by_scene[scene]
            (three,) = precision_recall_f1(
                result.scores, result.hits, result.truths, [entrant.confidence]
            )
            cells += [f"{value:.3f}" for value in (*three, result.ap50)]
            cells.append(f"{result.frame_ms:.0f}")
        lines.append(cells)
    return _markdown(lines)


def sweep_table(results: Results, scenes: Sequence[str]) -> str:
    """Format F1 by confidence as a Markdown table, with the best of each column in bold."""
    heads, columns = ["confidence"], [[f"{value:.2f}" for value in SWEEP]]
    for entrant, by_scene in results.items():
        for scene in scenes:
            result = by_scene[scene]
            f1 = precision_recall_f1(result.scores, result.hits, result.truths, SWEEP)[:, 2]
            heads.append(f"{entrant.name} {scene}")
            columns.append([f"{value:.3f}" for value in f1])
            columns[-1][int(f1.argmax())] = f"**{f1.max():.3f}**"
    return _markdown([heads, ["---:"] * len(heads), *map(list, zip(*columns, strict=True))])


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def noise() -> str:
    """Describe what else the machine was doing, since the times depend on it."""
    load = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"ms: median of a frame, one process, {os.cpu_count()} cores{load}."


def build_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(description="Compare person detectors on two sequences.")
    parser.add_argument(
        "--detector",
        action="append",
        metavar="MODEL[@CONFIDENCE]",
        help=f"may be repeated (default: {' '.join(map(str, DEFAULTS))})",
    )
    parser.add_argument(
        "--confidence",
        type=float,
        default=DetectorConfig().confidence,
        help="of detectors without one of their own (default: %(default)s)",
    )
    parser.add_argument("--image-size", type=int, metavar="PX", help="for all but hog")
    parser.add_argument("--sequences", nargs="+", choices=SCENES, default=list(SCENES))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every n-th frame")
    parser.add_argument("--sweep", action="store_true", help="print F1 by confidence as well")
    parser.add_argument("--hog-packages", type=Path, metavar="FOLDER", help="OpenCV with HOG")
    return parser


def main() -> None:
    """Print the table for the detectors named on the command line."""
    arguments = build_parser().parse_args()
    results: dict[Entrant, dict[str, Result]] = {}
    for text in arguments.detector or DEFAULTS:
        entrant = parse_entrant(str(text), arguments.confidence)
        try:
            detector = build(entrant.model, arguments.image_size, arguments.hog_packages)
        except ReidTrackerError as error:
            print(f"left out: {error}", file=sys.stderr)
            continue
        results[entrant] = {
            name: evaluate(detector, SCENES[name], arguments.every) for name in arguments.sequences
        }
        if isinstance(detector, HogDetector):
            detector.close()
    print(table(results, arguments.sequences))
    if arguments.sweep:
        print(f"\n{sweep_table(results, arguments.sequences)}")
    print(f"\n{noise()}")


if __name__ == "__main__":
    main()
