"""How tests wait for something that another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 60.0
"""Long enough for a busy machine; where the condition comes true, it costs nothing."""


def wait_until(
    true: Callable[[], object],
    what: str = "",
    *,
    step_s: float = 0.02,
    patience_s: float = PATIENCE_S,
) -> None:
    """Return as soon as a condition holds.

    Args:
        true: the condition.
        what: the condition in words, for the message.
        step_s: pause between two looks, in seconds.
        patience_s: after that many seconds the test fails.

    Raises:
        AssertionError: the condition does not come true.
    """
    deadline = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < deadline, f"waited {patience_s:g} s in vain {what}"
        time.sleep(step_s)
