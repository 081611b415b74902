"""Print the confidence from which a detector sees people clearly, for the weights manifest.

    python -m tests.benchmarks.detector_thresholds [--detector MODEL ...] [--plot PNG]

It is `tracker.high_confidence`: the value that best separates people who stand half behind others
from people whom nobody covers (reid_tracker/detect/calibrate.py). It is measured without labels on
the clips of ../shared, at most 200 frames of each, and on the pictures of Penn-Fudan and COCO.
PETS09-S2L1 and TUD-Campus stay out; `default_command` reports on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from reid_tracker import build_detector, open_source
from reid_tracker.detect.calibrate import ConfidenceRecorder, separating_confidence
from reid_tracker.explain.threshold_plot import Separation, draw_separations
from reid_tracker.types import ImageBGR
from reid_tracker.video.images import read_image
from tests.benchmarks.mot_cached import SHARED

FRAMES = 200


def images() -> Iterator[ImageBGR]:
    """Yield frames of all clips, then all pictures."""
    for clip in sorted((SHARED / "clips").glob("*.mp4")):
        with open_source(clip) as source:
            count = source.info.frame_count or 1
        with open_source(clip, stride=-(-count // FRAMES)) as source:
            yield from (frame.image for frame in source)
    for folder in ("pennfudan", "coco256"):
        files = sorted((SHARED / "detector" / folder / "images").rglob("*.*g"))
        yield from map(read_image, files)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description="Choose the high confidence of detectors.")
    parser.add_argument("--detector", action="append", metavar="MODEL")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="of the last detector")
    arguments = parser.parse_args()
    print("| detector | half hidden | seen clearly | high_confidence |\n|---|--:|--:|--:|")
    for model in arguments.detector or ["person_yolo11n_int8"]:
        detector, recorder = build_detector(model), ConfidenceRecorder()
        for image in images():
            recorder.add(detector.detect(image))
        hidden, clear = recorder.confidences()
        found = separating_confidence(hidden, clear)
        print(f"| {Path(model).name} | {len(hidden)} | {len(clear)} | {found} |", flush=True)
    if arguments.plot is not None and found is not None:
        kinds = {"half hidden": hidden, "seen clearly": clear}
        one = Separation("Detections", "confidence", kinds, {"high_confidence": found})
        draw_separations([one], Path(model).name).save(arguments.plot, overwrite=True)


if __name__ == "__main__":
    main()
