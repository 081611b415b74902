"""Ctrl-C and SIGTERM stop a run at once, but never during a write or a close."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType


class Terminated(KeyboardInterrupt):
    """SIGTERM: handled like Ctrl-C, so that every output is closed."""


class StopSignals:
    """Raises `KeyboardInterrupt` or `Terminated` for the signals that ask a program to stop.

    Use it as a context manager, which restores the earlier handlers. Outside the main thread, where
    Python allows no handlers, it does nothing.
    """

    def __init__(self) -> None:
        self._held = False
        self._ignored = False
        self._pending: int | None = None

    def __enter__(self) -> StopSignals:
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay signals until the end of the `with` block, so that frames are written whole."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._pending is not None:
            _stop(self._pending)

    def ignore(self) -> None:
        """Ignore signals from now on, while outputs are closed."""
        self._ignored = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._held:
            self._pending = number
        elif not self._ignored:
            _stop(number)


def _stop(number: int) -> None:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
