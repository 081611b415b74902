"""What the user sees of a run: a progress bar with the frame rate, and a table at the end."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from reid_tracker.cli.cameras import describe_cameras
from reid_tracker.types import FrameResult
from reid_tracker.video import LiveSource, Source


class Report:
    """Counts results, shows progress on standard error and the summary on standard output."""

    def __init__(self, *, quiet: bool, stride: int = 1) -> None:
        """Start a report; `quiet` shows nothing, `stride` is the step between read frames."""
        self._quiet = quiet
        self._stride = stride
        self._start = time.perf_counter()
        self._frames: dict[str, int] = {}
        self._detections: dict[str, int] = {}
        self._identities: dict[str, set[int]] = {}
        self._bar: Progress | None = None
        self._live: list[LiveSource] = []

    @contextmanager
    def progress(self, sources: Sequence[Source]) -> Iterator[None]:
        """Show the progress bar while the `with` block runs."""
        for source in sources:
            self._frames[source.name] = self._detections[source.name] = 0
            self._identities[source.name] = set()
        self._live = [source for source in sources if isinstance(source, LiveSource)]
        self._start = time.perf_counter()
        counts = [source.info.frame_count for source in sources]
        known = [-(-count // self._stride) for count in counts if count is not None]
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:.1f} frames/s"),
            _CameraColumn(self._live) if self._live else TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=self._quiet,
        )
        self._task = self._bar.add_task(
            "tracking", total=sum(known) if len(known) == len(counts) else None, rate=0.0
        )
        with self._bar:
            yield

    def count(self, result: FrameResult) -> None:
        """Take one more result."""
        self._frames[result.camera] += 1
        self._detections[result.camera] += len(result.detections)
        found = result.tracks if result.identities is None else result.identities
        self._identities[result.camera].update(found.ids[found.ids > 0].tolist())
        if self._bar is not None:
            rate = sum(self._frames.values()) / (time.perf_counter() - self._start)
            self._bar.update(self._task, advance=1, rate=rate)

    def finish(self, seconds: Mapping[str, float], folder: Path) -> None:
        """Print the summary.

        Args:
            seconds: time spent in each stage.
            folder: where the results are.
        """
        if self._quiet:
            return
        console = _Console()
        elapsed = time.perf_counter() - self._start
        total = sum(self._frames.values())
        table = Table("camera", "frames", "detections", "identities", box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for camera, frames in self._frames.items():
            identities = len(self._identities[camera])
            table.add_row(camera, str(frames), str(self._detections[camera]), str(identities))
        console.print(table)
        if self._live:
            console.print(_table_of_cameras(self._live))
        stages = ", ".join(
            f"{stage} {1000 * spent / max(total, 1):.1f}" for stage, spent in seconds.items()
        )
        console.print(
            f"{total} frames in {elapsed:.1f} s ({total / max(elapsed, 1e-9):.1f} frames/s)"
        )
        console.print(f"ms a frame: {stages}")
        console.print(f"results: {folder}", soft_wrap=True, markup=False, highlight=False)


class _CameraColumn(ProgressColumn):
    """How the cameras are doing; also kept up to date while none of them has a frame."""

    def __init__(self, cameras: Sequence[LiveSource]) -> None:
        super().__init__()
        self._cameras = cameras

    def render(self, task: Task) -> Text:
        """Return the text for the progress bar."""
        return Text(describe_cameras([camera.status() for camera in self._cameras]))


def _table_of_cameras(cameras: Sequence[LiveSource]) -> Table:
    table = Table("camera", "state", "received", "dropped", "damaged", "reconnects", "clock")
    table.box = None
    for camera in cameras:
        status = camera.status()
        counts = (status.frames, status.dropped, status.damaged, status.reconnects)
        table.add_row(status.camera, status.state.value, *map(str, counts), status.clock)
    return table


class _Console(Console):
    """A console whose reader may leave early: `reid-track video.mp4 | head -1` is no failure."""

    def on_broken_pipe(self) -> None:
        """Drop what is left to print; rich's own answer is to exit with 1."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
