"""What fuzz targets of files share: a place for the one file that is read, again and again."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file of every input would wear out a disk


def new_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a folder for files that are not kept, in memory where there is such a place."""
    base = _MEMORY if _MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix="reid-fuzz-", dir=base)


@functools.cache
def folder() -> Path:
    """Return a folder of this process: what it was given, since it may be killed, or a new one."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    made = new_folder()
    _KEPT.append(made)
    return Path(made.name)


def written(data: bytes, name: str) -> Path:
    """Write the input to a file and return its path."""
    path = folder() / name
    path.write_bytes(data)
    return path


FOLDER = "REID_FUZZ_FOLDER"
"""Name of the environment variable with the folder."""

_KEPT: list[tempfile.TemporaryDirectory[str]] = []
"""They are removed when the process ends."""
