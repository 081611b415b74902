"""What fuzz targets of files share: a place for the one file that is read, again and again."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path


@functools.cache
def folder() -> Path:
    """Return a folder of this process, in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a file of every input would wear out a disk
    base = memory if memory.is_dir() else None
    made = tempfile.TemporaryDirectory(prefix="reid-fuzz-", dir=base)
    _KEPT.append(made)
    return Path(made.name)


def written(data: bytes, name: str) -> Path:
    """Write the input to a file and return its path."""
    path = folder() / name
    path.write_bytes(data)
    return path


_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""They are removed when the process ends."""
