"""Waiting for another thread or process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

PATIENCE_S = 120.0
"""A test that waits for longer has failed; no test depends on how much shorter it is."""


def wait_until(true: Callable[[], object], what: object = "", *, step_s: float = 0.02) -> None:
    """Return as soon as a condition holds.

    Args:
        true: the condition; it may raise an error to stop waiting.
        what: the condition in words, or an object that shows the progress, for the message.
        step_s: seconds between two checks.

    Raises:
        AssertionError: the condition does not become true in time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain {what}"
        time.sleep(step_s)


def freeze(pid: int) -> None:
    """Freeze a child process, and return when it has stopped.

    On a busy machine this takes a moment, during which the process would still answer.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
