"""The number of examples for property tests."""

from __future__ import annotations

import os


def examples(most: int) -> int:
    """Return the given number if `CI` is set, otherwise a quarter of it."""
    return most if os.environ.get("CI") else max(most // 4, 5)
