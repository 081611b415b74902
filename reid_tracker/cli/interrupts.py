"""Ctrl-C, SIGTERM and SIGHUP stop a run at once, but never during a write or a close."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

STOPS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    # The terminal closed, or a login ended; Windows has no such signal.
    **({signal.SIGHUP: "hung up"} if hasattr(signal, "SIGHUP") else {}),
}
"""Signals that ask a program to stop, and the word that it prints then."""


class Stopped(KeyboardInterrupt):
    """A signal asked the program to stop; outputs are closed as after Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(STOPS[signal.Signals(number)])
        self.number = number


def end_by(interrupt: KeyboardInterrupt) -> int:
    """Print what stopped the program, and return its exit code."""
    number = interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT
    say(f"{STOPS[signal.Signals(number)]}\n")
    return 128 + number


def say(text: str) -> None:
    """Write to standard error; ignore that the terminal or the reader may be gone."""
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def hide_lost_stops(lost: UnraisableHookArgs) -> None:
    """Print uncatchable exceptions, except `Stopped`, which `StopSignals` raises again."""
    if not isinstance(lost.exc_value, Stopped):
        sys.__unraisablehook__(lost)


class StopSignals:
    """Raises `Stopped` for the signals that ask a program to stop.

    A context manager that restores the earlier handlers. Outside the main thread, where Python
    allows no handlers, it does nothing. Signals that were ignored before, as SIGHUP under nohup,
    stay ignored.

    Attributes:
        asked: the received signal, also if its exception was lost or replaced by another one.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self._held = False
        self._ignored = False
        self._outer: StopSignals | None = None

    def __enter__(self) -> StopSignals:
        self._before, self._pid = {}, os.getpid()
        if threading.current_thread() is threading.main_thread():
            for number in STOPS:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:
                    outer = getattr(before, "__self__", None)
                    self._outer = outer if isinstance(outer, StopSignals) else self._outer
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *reason: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay signals until the end of the `with` block, so that writes are not interrupted."""
        self._raise_if_asked()
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self._raise_if_asked()

    def ignore(self) -> None:
        """Ignore further signals, while outputs are closed."""
        self._ignored = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a forked worker process
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if number not in {signal.SIGINT, signal.SIGTERM}:
            _leave_terminal()
        self._note(number)
        if not self._held:
            self._raise_if_asked()

    def _note(self, number: int) -> None:
        if not self._ignored:
            self.asked = number
            if self._outer is not None:
                self._outer._note(number)

    def _raise_if_asked(self) -> None:
        """Raise `Stopped`, also for a signal whose exception was lost, as in a destructor."""
        if self.asked is not None and not self._ignored:
            raise Stopped(self.asked)


def _leave_terminal() -> None:
    """Redirect output to /dev/null if the terminal is gone; writing to it would raise an error."""
    import termios

    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            number = stream.fileno() if stream is not None else -1
            termios.tcgetattr(number)
        except termios.error as error:
            if error.args[0] == errno.EIO:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, number)
                os.close(null)
        except (OSError, ValueError):  # the stream has no file descriptor
            pass
