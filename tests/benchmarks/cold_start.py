"""Time `reid-track VIDEO` from the start of its process to its first result.

    python -m tests.benchmarks.cold_start [--runs 5] [--against CHECKOUT] [VIDEO]

Each run is a process of its own, which tracks the demo clip with the shipped models, writes video
as usual, and ends after the first result. Files are in the cache of the system: one run of each
checkout comes first and does not count. Runs of this checkout and of another one alternate.

"start" is Python, the command line and what they import. Detector and encoder include the imports
of their libraries. "first frame" goes from there to the first written result, and includes opening
the outputs. Processor time is of all threads, and depends less on other programs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]
PARTS = ("start", "detector", "encoder", "first frame")
Times = dict[str, float]


def measure(checkout: Path, video: Path) -> Times:
    """Run once, and return seconds by part, "first result" and "processor".

    Raises:
        CalledProcessError: the command failed.
    """
    with tempfile.TemporaryDirectory(prefix="reid-cold-") as folder:
        words = [sys.executable, "-P", __file__, "--inside", repr(time.time())]
        done = subprocess.run(
            [*words, str(video), "-o", f"{folder}/results"],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    times: Times = json.loads(done.stdout.splitlines()[-1])
    return times


def run_inside(began: float, words: list[str]) -> None:
    """Run a command in this process, and print the times at its first result.

    Args:
        began: `time.time()` before this process started.
        words: of the command.
    """
    pipeline: Any = importlib.import_module("reid_tracker.pipeline")
    command: Any = importlib.import_module("reid_tracker.cli.commands.track")
    from reid_tracker.cli.main import main

    stamps = {"start": time.time() - began}

    def stamped(part: str, build: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.time()
            built = build(*args, **kwargs)
            stamps[part] = time.time() - start
            return built

        return call

    def first_result(*_: Any) -> NoReturn:
        total = time.time() - began
        stamps["first frame"] = total - sum(stamps.values())
        print(json.dumps(stamps | {"first result": total, "processor": time.process_time()}))
        sys.stdout.flush()
        os._exit(0)

    pipeline.build_detector = stamped("detector", pipeline.build_detector)
    pipeline.encoder_or_none = stamped("encoder", pipeline.encoder_or_none)
    command.ShowProgress.count = first_result
    sys.exit(main(words))


def line(name: str, runs: list[Times]) -> str:
    """Format the medians of some runs as a row of the table."""
    cells = [f"{median(one[part] for one in runs):.2f}" for part in ("first result", *PARTS)]
    return f"| {name} | {' | '.join(cells)} | {median(one['processor'] for one in runs):.2f} |"


def main() -> None:
    """Print the table."""
    if sys.argv[1:2] == ["--inside"]:
        return run_inside(float(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser(description="Time the first result of a command.")
    parser.add_argument("video", type=Path, nargs="?", default=ROOT / "demo" / "pedestrians.mp4")
    parser.add_argument("--runs", type=int, default=5, help="of each checkout (default: 5)")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="compare with another one")
    arguments = parser.parse_args()
    checkouts = [one.resolve() for one in (arguments.against, ROOT) if one]
    found: dict[Path, list[Times]] = {one: [] for one in checkouts}
    for number in range(arguments.runs + 1):
        for checkout in checkouts:
            times = measure(checkout, arguments.video.resolve())
            if number:  # the first run fills the cache of files
                found[checkout].append(times)
    print(f"| seconds | first result | {' | '.join(PARTS)} | processor |")
    print(f"|---|{'--:|' * (len(PARTS) + 2)}")
    for checkout, runs in found.items():
        print(line("now" if checkout == ROOT else "before", runs))


if __name__ == "__main__":
    main()
