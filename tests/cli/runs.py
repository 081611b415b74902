"""Runs the command line in processes that tests can watch, freeze and end."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av

from tests.conftest import FRAMES, RATE, ROOT, write_detections, write_video
from tests.waiting import PATIENCE_S, wait_until


def long_walk(folder: Path, loops: int, empty_frames: int = 0) -> list[str]:
    """The two walkers again and again; nobody is detected in the first frames.

    At the end of a walk they are at its start at once, as nobody can be. So a tracker that gives
    people their old ids back would exchange those of earlier walks: it does not, here.
    """
    once, video = write_video(folder / "once.mp4"), folder / "walk.mp4"
    with av.open(str(once)) as source, av.open(str(video), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [bytes(packet) for packet in source.demux(video=0) if packet.size]
        for number, data in enumerate(itertools.chain.from_iterable([packets] * loops)):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = number % FRAMES == 0
            target.mux(packet)
    frames = tuple(range(empty_frames))
    detections = write_detections(folder / "walk_det.txt", loops * FRAMES, skip=frames)
    words = [str(video), "--detector", str(detections), "--device", "cpu"]
    return [*words, "--set", "tracker.recover_s=0"]


class Run:
    """`reid-track` in a process of its own; its standard error is read as it comes.

    Args:
        words: the command line.
    """

    def __init__(self, words: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "reid_tracker.cli.program", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self.lines.extend(line.strip() for line in self._process.stderr)

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait until a condition holds; the run must not end before."""

        def holds() -> bool:
            if true():
                return True
            assert self._process.poll() is None, f"ended before {what}: {self.lines}"
            return False

        wait_until(holds, (what, self.lines))

    def until_said(self, text: str) -> None:
        self.until(lambda: any(text in line for line in list(self.lines)), text)

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self, number: int | None = signal.SIGINT) -> int:
        """Send a signal, if one is given, and return the exit code."""
        if number is not None and self._process.poll() is None:
            self.send(number)
        code = self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
