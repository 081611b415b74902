"""How many examples the tests of properties try."""

from __future__ import annotations

import os


def examples(most: int) -> int:
    """Return all of them where `CI` is set, as continuous integration does; otherwise a quarter."""
    return most if os.environ.get("CI") else max(most // 4, 5)
