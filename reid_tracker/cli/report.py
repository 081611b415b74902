"""Shows the progress of a run with its frame rate, and a table at the end."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from reid_tracker.cli.redact import one_line
from reid_tracker.errors import OutputError
from reid_tracker.run.profile import ThreadUse
from reid_tracker.types import FrameResult, SourceState, SourceStatus
from reid_tracker.video import LiveSource, Source

_LINE_EVERY_S = 10.0
_MAX_NAMED = 3


def console(*, stderr: bool = False, pipe_width: int = 100) -> Console:
    """Return a console; `pipe_width` is its number of columns if it is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(stderr=stderr, width=None if stream.isatty() else pipe_width)


def new_file(name: str | None, *, overwrite: bool) -> Path | None:
    """Return the path of a file to write; None without a name.

    Raises:
        OutputError: the file exists and may not be replaced, or its folder does not exist.
    """
    if name is None:
        return None
    path = Path(name)
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists already; add --overwrite to replace it, or choose another name"
        )
    if not path.parent.is_dir():
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None


class Steps:
    """Progress on standard error: a bar on a terminal, otherwise a line every 10 s.

    A context manager. The progress appears with the first step, so that earlier errors are one
    line.

    Args:
        what: name of the work, such as "tracking".
        total: number of steps; None if unknown.
        quiet: show nothing.
        note: returns a text to show after the count, such as a rate.
        every_s: time between two lines.
    """

    def __init__(
        self,
        what: str,
        total: int | None = None,
        *,
        quiet: bool = False,
        note: Callable[[], str] = lambda: "",
        every_s: float = _LINE_EVERY_S,
    ) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._note = note
        self._every_s, self._shown, self._stopped = every_s, not quiet, threading.Event()
        self._bar: Progress | None = None
        self._lines: threading.Thread | None = None

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *reason: object) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._stopped.set()
        if self._lines is not None:
            self._lines.join()

    def begin(self) -> None:
        """Show the progress now, because the first step may take long."""
        if not self._shown or self._bar is not None or self._lines is not None:
            return
        if not sys.stderr.isatty():
            self._lines = threading.Thread(target=self._write_lines, name="progress", daemon=True)
            self._lines.start()
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            _Count(self.count),
            TimeRemainingColumn(),
            console=console(stderr=True),
        )
        self._bar.add_task(self._what, total=self._total)
        self._bar.start()

    def advance(self, steps: int = 1) -> None:
        """Add finished steps."""
        self.reach(self._done + steps)

    def reach(self, done: int, total: int | None = None) -> None:
        """Set the number of finished steps."""
        self._done, self._total = done, total or self._total
        self.begin()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=self._total)

    def print(self, line: str) -> None:
        """Print a line above the bar."""
        if self._bar is not None:
            self._bar.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)
        elif self._shown:
            sys.stderr.write(f"{one_line(line)}\n")

    def count(self) -> str:
        """Return the state as text, such as "120/800, 31.5 frames/s"."""
        done = str(self._done) if self._total is None else f"{self._done}/{self._total}"
        return ", ".join(filter(None, [done, self._note()]))

    def _write_lines(self) -> None:
        while not self._stopped.wait(self._every_s):
            sys.stderr.write(f"{self._what}: {one_line(self.count())}\n")
            sys.stderr.flush()


class _Count(ProgressColumn):
    """A text column that is refreshed even if no step is finished."""

    def __init__(self, text: Callable[[], str]) -> None:
        super().__init__()
        self._text = text

    def render(self, task: Task) -> Text:
        """Return the text for the progress bar."""
        return Text(one_line(self._text()))


class Report:
    """Counts results, shows progress on standard error and the summary on standard output.

    Args:
        quiet: show nothing.
        stride: step between the frames that are read.
    """

    def __init__(self, *, quiet: bool, stride: int = 1) -> None:
        self._quiet = quiet
        self._stride = stride
        self._start = time.perf_counter()
        self._frames: dict[str, int] = {}
        self._detections: dict[str, int] = {}
        self._identities: dict[str, set[int]] = {}
        self._live: list[LiveSource] = []
        self._steps = Steps("tracking", quiet=True)

    @contextmanager
    def progress(self, sources: Sequence[Source]) -> Iterator[None]:
        """Show the progress while the `with` block runs."""
        for source in sources:
            self._frames[source.name] = self._detections[source.name] = 0
            self._identities[source.name] = set()
        self._live = [source for source in sources if isinstance(source, LiveSource)]
        self._start = time.perf_counter()
        counts = [source.info.frame_count for source in sources]
        known = [-(-count // self._stride) for count in counts if count is not None]
        total = sum(known) if len(known) == len(counts) else None
        with Steps("tracking", total, quiet=self._quiet, note=self._note) as self._steps:
            self._steps.begin()
            yield

    def _note(self) -> str:
        rate = sum(self._frames.values()) / max(time.perf_counter() - self._start, 1e-9)
        cameras = [describe_cameras([one.status() for one in self._live])] if self._live else []
        return "; ".join([f"{rate:.1f} frames/s", *cameras])

    def count(self, result: FrameResult) -> None:
        """Count a result."""
        self._frames[result.camera] += 1
        self._detections[result.camera] += len(result.detections)
        found = result.tracks if result.identities is None else result.identities
        self._identities[result.camera].update(found.ids[found.ids > 0].tolist())
        self._steps.advance()

    def finish(
        self,
        seconds: Mapping[str, float],
        folder: Path,
        encoded: tuple[int, int] = (0, 0),
        advice: str | None = None,
    ) -> None:
        """Print the summary.

        Args:
            seconds: time spent in each stage.
            folder: folder of the results.
            encoded: number of boxes that were encoded, and of all; (0, 0) without an encoder.
            advice: an additional line.
        """
        if self._quiet:
            return
        printer = console()
        elapsed = time.perf_counter() - self._start
        total = sum(self._frames.values())
        table = Table("camera", "frames", "detections", "identities", box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for camera, frames in self._frames.items():
            identities = len(self._identities[camera])
            table.add_row(
                one_line(camera), str(frames), str(self._detections[camera]), str(identities)
            )
        printer.print(table, markup=False)
        if self._live:
            printer.print(_table_of_cameras(self._live), markup=False)
        stages = ", ".join(
            f"{stage} {1000 * spent / max(total, 1):.1f}" for stage, spent in seconds.items()
        )
        printer.print(
            f"{total} frames in {elapsed:.1f} s ({total / max(elapsed, 1e-9):.1f} frames/s)"
        )
        printer.print(f"ms a frame: {stages}")
        some, boxes = encoded
        if some:
            printer.print(f"{some} of {boxes} boxes encoded ({100 * some / boxes:.0f} %)")
        for text in filter(None, [advice, f"results: {folder}"]):
            printer.print(one_line(text), soft_wrap=True, markup=False, highlight=False)

    def show_threads(self, threads: Sequence[ThreadUse]) -> None:
        """Print what each thread of the run did."""
        if self._quiet:
            return
        table = Table("thread", "busy s", "waits for work s", "waits for room s", "queue", box=None)
        for column in table.columns[1:]:
            column.justify = "right"
        for name, *figures in threads:
            table.add_row(name, *(f"{figure:.1f}" for figure in figures))
        console().print(table, markup=False)


def describe_cameras(statuses: Sequence[SourceStatus]) -> str:
    """Return the state of live cameras, such as "2 live, yard stalled 4 s, gate gone 75 s"."""
    not_live = [status for status in statuses if status.state is not SourceState.LIVE]
    parts = [f"{len(statuses) - len(not_live)} live"]
    parts += [
        f"{status.camera} {status.state.value} {status.since_s:.0f} s"
        for status in not_live[:_MAX_NAMED]
    ]
    if len(not_live) > _MAX_NAMED:
        parts.append(f"{len(not_live) - _MAX_NAMED} more not live")
    return ", ".join(parts)


def _table_of_cameras(cameras: Sequence[LiveSource]) -> Table:
    table = Table("camera", "state", "received", "dropped", "damaged", "reconnects", "clock")
    table.box = None
    for camera in cameras:
        status = camera.status()
        counts = (status.frames, status.dropped, status.damaged, status.reconnects)
        table.add_row(one_line(status.camera), status.state.value, *map(str, counts), status.clock)
    return table


class _Console(Console):
    """A console whose reader may close early, as in `reid-track video.mp4 | head -1`."""

    def on_broken_pipe(self) -> None:
        """Discard further output; rich would exit with code 1."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
