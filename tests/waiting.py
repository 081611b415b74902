"""How tests wait for something that another thread or process does."""

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
        true: the condition; it may raise an error when waiting is in vain.
        what: the condition in words, or what shows how far it is; for the message.
        step_s: pause between two looks, in seconds.

    Raises:
        AssertionError: the condition does not come true.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE_S:g} s in vain {what}"
        time.sleep(step_s)


def freeze(pid: int) -> None:
    """Stop a child process where it is, and return when it has stopped.

    On a busy machine that takes a moment, in which it would still answer.
    """
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)
