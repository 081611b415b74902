"""Measure what stages at the same time gain, and their memory; prints Markdown tables.

    python -m tests.benchmarks.overlap [--frames 300] [--rounds 3] [--cameras 4]
    python -m tests.benchmarks.overlap --long 100000

Each run is a process of its own with the shipped models, the demo clip repeated to the length asked
for, and video written. Runs with stages in turn and at the same time alternate; the medians are
shown. The first frames do not count, in which models are compiled.

"bound" is the least time that a frame can take: the larger of the slowest stage, as it is when the
stages run in turn, and the processor time of all threads over the number of cores. Processor time
does not know of other programs: on a machine that others use, compare only frames/s of one table.

With `--long`, one camera of recorded detections and no encoder is followed for that many frames,
and the memory of the process is printed as it goes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import av

from reid_tracker.config import Config, DetectorConfig, EncoderConfig
from reid_tracker.overlap import Overlap
from reid_tracker.resources import shipped, usable_cores
from reid_tracker.run.tracking import Watch, track
from reid_tracker.types import FrameResult
from tests.cli.runs import long_walk
from tests.conftest import FRAMES

CLIP = shipped("demo", "pedestrians.mp4")
WARM_UP = 20
Measured = dict[str, Any]


class Meter(Watch):
    """Measures a run from its first frames to its last.

    Args:
        every: frames between two measurements of memory.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._frames = 0
        self._start = self._end = (0.0, 0.0)
        self.memory_mb: list[float] = []
        self.stages_ms: dict[str, float] = {}

    def count(self, result: FrameResult) -> None:
        """Measure after a frame."""
        self._frames += 1
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self._end = time.perf_counter(), usage.ru_utime + usage.ru_stime
        if self._frames == WARM_UP:
            self._start = self._end
        if self._frames % self._every == 0:
            self.memory_mb.append(memory_mb())

    def ending(self, seconds: Any, folder: Path, encoded: tuple[int, int]) -> None:
        """Keep the mean time of each stage."""
        self.stages_ms = {stage: 1000 * s / self._frames for stage, s in seconds.items()}

    def measured(self) -> Measured:
        """Return milliseconds a frame, and megabytes."""
        frames = self._frames - WARM_UP
        wall_ms, cpu_ms = (
            1000 * (b - a) / frames for a, b in zip(self._start, self._end, strict=True)
        )
        slowest = max(self.stages_ms, key=lambda stage: self.stages_ms[stage])
        return {
            "wall_ms": wall_ms,
            "cpu_ms": cpu_ms,
            "slowest": slowest,
            "slowest_ms": self.stages_ms[slowest],
            "memory_mb": self.memory_mb,
        }


def memory_mb() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def repeated(video: Path, frames: int, target: Path) -> Path:
    """Write a video of that many frames, the packets of another again and again."""
    with av.open(str(video)) as source, av.open(str(target), "w") as output:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        copy = output.add_stream_from_template(stream)
        assert stream.time_base is not None
        first, last = packets[0].pts or 0, packets[-1].pts or 0
        step = (last - first) // (len(packets) - 1)
        for number in range(frames):
            old = packets[number % len(packets)]
            packet = av.Packet(bytes(old))
            packet.stream, packet.time_base = copy, stream.time_base
            packet.pts = packet.dts = number * step
            packet.is_keyframe = old.is_keyframe
            output.mux(packet)
    return target


def in_turn(overlap: Overlap, name: str, items: Any, *, depth: int = 1) -> Any:
    """Run the stages in the thread that takes their items."""
    return items


def measure(videos: Sequence[str], *, turn: bool) -> Measured:
    """Run once, in this process."""
    if turn:
        Overlap.ahead = in_turn  # type: ignore[assignment, method-assign]
    meter = Meter(every=20)
    with tempfile.TemporaryDirectory(prefix="reid-overlap-") as folder:
        track(videos, Config(), Path(folder) / "out", watch=meter)
    return meter.measured()


def measured_apart(videos: Sequence[str], *, turn: bool) -> Measured:
    """Run once, in a process of its own."""
    words = [sys.executable, "-m", __spec__.name, *(["--in-turn"] if turn else []), *videos]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(frames: int, rounds: int, cameras: int) -> None:
    """Print the table of stages in turn and at the same time, and of several cameras."""
    cores = usable_cores()
    kinds = {"in turn": (1, True), "at the same time": (1, False)}
    if cameras > 1:
        kinds |= {f"at the same time, {cameras} cameras": (cameras, False)}
    found: dict[str, list[Measured]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="reid-overlap-") as folder:
        for _ in range(rounds):
            for kind, (count, turn) in kinds.items():
                length = max(frames // count, 2 * WARM_UP)
                paths = [
                    str(repeated(CLIP, length, Path(folder) / f"{camera}.mp4"))
                    for camera in range(count)
                ]
                found[kind].append(measured_apart(paths, turn=turn))
    slowest_ms = median(one["slowest_ms"] for one in found["in turn"])
    print(f"{cores} cores, {frames} frames, medians of {rounds} runs\n")
    print("| stages | frames/s | ms a frame | processor ms a frame | bound ms | of bound | MB |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for kind, runs in found.items():
        wall_ms = median(one["wall_ms"] for one in runs)
        cpu_ms = median(one["cpu_ms"] for one in runs)
        memory = median(max(one["memory_mb"]) for one in runs)
        bound_ms = max(slowest_ms, cpu_ms / cores)
        print(
            f"| {kind} | {1000 / wall_ms:.1f} | {wall_ms:.1f} | {cpu_ms:.1f} | {bound_ms:.1f} "
            f"| {wall_ms / bound_ms:.2f} | {memory:.0f} |"
        )
    print(f"\nslowest stage in turn: {found['in turn'][0]['slowest']}, {slowest_ms:.1f} ms a frame")


def follow(frames: int) -> None:
    """Print the memory of a long run."""
    with tempfile.TemporaryDirectory(prefix="reid-overlap-") as folder:
        video, _, detections, *_ = long_walk(Path(folder), -(-frames // FRAMES))
        meter = Meter(every=max(frames // 10, 1))
        config = Config(
            detector=DetectorConfig(model=detections), encoder=EncoderConfig(model="none")
        )
        track([video], config, Path(folder) / "out", watch=meter)
    print("| frames | MB |\n|--:|--:|")
    for number, memory in enumerate(meter.memory_mb, 1):
        print(f"| {number * max(frames // 10, 1)} | {memory:.1f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Measure stages at the same time.")
    parser.add_argument("--frames", type=int, default=300, help="of each run, over all cameras")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--long", type=int, metavar="FRAMES", help="follow the memory of one run")
    parser.add_argument("--in-turn", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("videos", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.videos:
        print(json.dumps(measure(arguments.videos, turn=arguments.in_turn)))
    elif arguments.long:
        follow(arguments.long)
    else:
        compare(arguments.frames, arguments.rounds, arguments.cameras)


if __name__ == "__main__":
    main()
