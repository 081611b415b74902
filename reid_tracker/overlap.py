"""Runs the stages of a flow at the same time, each in a thread of its own, and measures them."""

from __future__ import annotations

import queue
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from reid_tracker.closing import Closing

T = TypeVar("T")

_PATIENCE_S = 1.0
_LOOK_AGAIN_S = 0.5  # Windows delivers no signal to a thread that waits without end


class StageTimes:
    """Seconds spent in each stage since the start of a run; stages in several threads overlap.

    A subclass may record more: when each stage began, waits, and the lengths of queues.
    """

    FOR_WORK, FOR_ROOM = "waits for work", "waits for room"

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time that the `with` block takes to `stage`; one thread measures a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent(stage, start, time.perf_counter())

    def spent(self, stage: str, start_s: float, end_s: float) -> None:
        """Add time, by `time.perf_counter`, to a stage."""
        self.seconds[stage] = self.seconds.get(stage, 0.0) + end_s - start_s

    def waited(self, reason: str, start_s: float, end_s: float) -> None:
        """Take note that the calling thread waited: `FOR_WORK` or `FOR_ROOM`."""

    def queued(self, stage: str, length: int) -> None:
        """Take note of how many items of a stage are ready when the next one takes one."""


class Overlap(Closing):
    """Threads that work ahead of the thread that uses their items.

    Each stage is a generator that takes the items of the stage before it. Items keep their order.
    An exception in a stage is raised in the thread that takes its items, after the items before it.
    The end of the with-statement stops all threads. It waits up to a second for them: one that is
    stuck in a library, such as in reading from a server that does not answer, is left behind.

    Args:
        times: is told of waits and queues.

        with Overlap() as overlap:
            frames = overlap.ahead("read", read())
            found = overlap.ahead("detect", detect(frames))
            for one in found:
                ...
    """

    def __init__(self, times: StageTimes | None = None) -> None:
        self._times = times or StageTimes()
        self._stages: list[_Stage[Any]] = []
        # A program that ends in the middle of a run stops the threads, too: Python can crash if
        # they still compute while it ends.
        self._end = weakref.finalize(self, _stop, self._stages)

    def ahead(self, name: str, items: Generator[T], *, depth: int = 1) -> Iterator[T]:
        """Start a thread that runs a generator, and return an iterator over its items.

        Args:
            name: of the thread.
            items: the generator; only its thread uses it from now on.
            depth: most items that wait to be taken. With 0, an item is made when it is asked for,
                so that it is not old when it is taken.
        """
        stage = _Stage(name, items, depth, self._times)
        self._stages.append(stage)
        return stage

    def close(self) -> None:
        """Stop all threads; closing twice is harmless."""
        self._end()


def _stop(stages: Sequence[_Stage[Any]]) -> None:
    for stage in stages:
        stage.stop()
    deadline = time.monotonic() + _PATIENCE_S
    for stage in stages:
        stage.thread.join(max(0.0, deadline - time.monotonic()))


class _End(Exception):  # noqa: N818 - no error
    """A stage gives no more items."""


class _Stage(Iterator[T], Generic[T]):
    """A generator that runs in a thread.

    Only `SimpleQueue` passes things between threads: an exception of a signal, which may come
    anywhere in the main thread, cannot leave it locked, as it can a condition or a semaphore.
    """

    def __init__(self, name: str, items: Generator[T], depth: int, times: StageTimes) -> None:
        self._times = times
        self._items = items
        self._depth = depth
        self._made: queue.SimpleQueue[T | BaseException] = queue.SimpleQueue()
        self._room: queue.SimpleQueue[None] = queue.SimpleQueue()  # one entry an item to make
        for _ in range(depth):
            self._room.put(None)
        self._stopped = False
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def __next__(self) -> T:
        if self._depth == 0:
            self._room.put(None)
        self._times.queued(self.thread.name, self._made.qsize())
        start = time.perf_counter()
        while True:
            try:
                item = self._made.get(timeout=_LOOK_AGAIN_S)
                break
            except queue.Empty:
                continue
        self._times.waited(StageTimes.FOR_WORK, start, time.perf_counter())
        if self._depth:
            self._room.put(None)
        if isinstance(item, _End):
            self._made.put(item)
            raise StopIteration
        if isinstance(item, BaseException):
            self._made.put(_End())
            raise item
        return item

    def stop(self) -> None:
        self._stopped = True
        self._room.put(None)

    def _run(self) -> None:
        try:
            while True:
                start = time.perf_counter()
                self._room.get()
                self._times.waited(StageTimes.FOR_ROOM, start, time.perf_counter())
                if self._stopped:
                    break
                self._made.put(next(self._items))
        except StopIteration:
            pass
        except BaseException as error:  # raised where the items are taken
            self._made.put(error)
        finally:
            self._items.close()
            self._made.put(_End())
