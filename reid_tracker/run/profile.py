"""Where a run spends its time and where it waits: a table, and a trace for chrome://tracing."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from reid_tracker.closing import Closing
from reid_tracker.overlap import StageTimes
from reid_tracker.sink.files import cannot_write, create_file


class ThreadUse(NamedTuple):
    """What one thread of a run did.

    Attributes:
        thread: its stage; "write" is the thread that matches and writes.
        busy_s: seconds in which it was not waiting.
        for_work_s: seconds in which it waited for the stage before it.
        for_room_s: seconds in which it waited for the stage after it.
        queue: mean number of its batches that were ready when the next stage took one.
    """

    thread: str
    busy_s: float
    for_work_s: float
    for_room_s: float
    queue: float


class Profile(StageTimes, Closing):
    """Records every stage of every batch, every wait, and the lengths of the queues.

    The file is an array in the Chrome trace event format, which chrome://tracing and
    https://ui.perfetto.dev open, also while it grows. Memory does not grow.

    Args:
        path: the file.
        overwrite: whether an earlier file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__()
        self.path = path
        self._lock = threading.Lock()
        self._file = io.TextIOWrapper(io.BufferedWriter(create_file(path, overwrite)), "utf-8")
        self._separator = "[\n"
        self._start_s = time.perf_counter()
        self._begins: dict[str, float] = {}
        self._ends: dict[str, float] = {}
        self._waits: dict[tuple[str, str], float] = defaultdict(float)
        self._queues: dict[str, list[int]] = {}

    def spent(self, stage: str, start_s: float, end_s: float) -> None:
        """Record time that a stage took."""
        super().spent(stage, start_s, end_s)
        self._note(stage, start_s, end_s)

    def waited(self, reason: str, start_s: float, end_s: float) -> None:
        """Record time that this thread waited."""
        self._note(reason, start_s, end_s)
        with self._lock:
            self._waits[_thread(), reason] += end_s - start_s

    def queued(self, stage: str, length: int) -> None:
        """Record how many batches of a stage are ready when the next one takes one."""
        with self._lock:
            sums = self._queues.setdefault(stage, [0, 0])
            sums[0] += length
            sums[1] += 1
        self._write("C", f"after {stage}", time.perf_counter(), args={"batches": length})

    def threads(self) -> list[ThreadUse]:
        """Return what each thread did, in order of the stages."""
        uses = []
        with self._lock:
            for thread, begin_s in self._begins.items():
                for_work_s = self._waits[thread, self.FOR_WORK]
                for_room_s = self._waits[thread, self.FOR_ROOM]
                busy_s = max(self._ends[thread] - begin_s - for_work_s - for_room_s, 0.0)
                total, count = self._queues.get(thread, (0, 0))
                queue = total / max(count, 1)
                uses.append(ThreadUse(thread, busy_s, for_work_s, for_room_s, queue))
        return uses

    def close(self) -> None:
        """Complete the file; closing twice is harmless.

        Raises:
            OutputError: it cannot be written.
        """
        with self._lock:
            if self._file.closed:
                return
            try:
                self._file.write("[]\n" if self._separator == "[\n" else "\n]\n")
                self._file.close()
            except OSError as error:
                raise cannot_write(self.path, error) from None

    def _note(self, name: str, start_s: float, end_s: float) -> None:
        thread = _thread()
        with self._lock:
            new = thread not in self._begins
            self._begins.setdefault(thread, start_s)
            self._ends[thread] = end_s
        if new:
            self._write("M", "thread_name", start_s, args={"name": thread})
        self._write("X", name, start_s, dur=round(1e6 * (end_s - start_s), 1))

    def _write(self, kind: str, name: str, time_s: float, **more: object) -> None:
        event = {
            "name": name,
            "ph": kind,
            "ts": round(1e6 * (time_s - self._start_s), 1),
            "pid": os.getpid(),
            "tid": threading.get_native_id(),
            **more,
        }
        with self._lock:
            if not self._file.closed:  # a thread that was left behind may still report
                self._file.write(f"{self._separator}{json.dumps(event)}")
                self._separator = ",\n"


def _thread() -> str:
    thread = threading.current_thread()
    return "write" if thread is threading.main_thread() else thread.name
