"""Text files written line by line: never overwritten by accident, never with a partial line."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from reid_tracker.errors import OutputError
from reid_tracker.sink.base import BaseSink


def file_stem(camera: str) -> str:
    """Return a camera's name for use in file names."""
    return re.sub(r"[^\w.-]+", "_", camera)


def rounded(values: npt.NDArray[np.floating], decimals: int) -> list[Any]:
    """Return `values` of any shape as nested lists of short floats, without negative zeros."""
    result: list[Any] = (values.astype(np.float64).round(decimals) + 0.0).tolist()
    return result


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield all complete lines; a power cut may leave a partial last one."""
    return (line for line in lines if line.endswith("\n"))


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Check that `path` is free or may be replaced.

    Raises:
        OutputError: `path` exists and `overwrite` is False, or it is a symbolic link; links are
            never followed.
    """
    if overwrite and path.is_symlink():
        raise OutputError(
            f"{path} is a symbolic link, which --overwrite does not follow: remove it, or choose "
            "another output folder"
        )
    if not overwrite and os.path.lexists(path):
        raise OutputError(
            f"{path} exists already; add --overwrite to replace it, or choose another output folder"
        )


def create_file(path: Path, overwrite: bool) -> io.FileIO:
    """Open an empty file for unbuffered writing; never follows a symbolic link.

    Raises:
        OutputError: the file exists and may not be replaced, or cannot be made.
    """
    refuse_existing(path, overwrite)
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    flags |= os.O_TRUNC if overwrite else os.O_EXCL
    try:
        return io.FileIO(os.open(path, flags, 0o666), "w")
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when the system cannot write `path`."""
    reason = error.strerror or type(error).__name__
    return OutputError(
        f"cannot write {path}: {reason}; free space, or choose another output folder"
    )


class TextSink(BaseSink):
    """A UTF-8 text file whose text on disk always ends with a complete line.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__(path)
        # Unbuffered: written lines survive the process, also after kill -9.
        self._file = create_file(path, overwrite)
        self._size = 0

    def append(self, text: str) -> None:
        """Write complete lines, each with its newline; if the disk is full, none is kept.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        data = memoryview(text.encode())
        try:
            done = 0
            while done < len(data):
                done += self._file.write(data[done:])
            self._size += done
        except OSError as error:
            # A device or pipe cannot be shortened; the write error itself is reported.
            with suppress(OSError):
                self._file.truncate(self._size)
            raise cannot_write(self.path, error) from None

    def _finish(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise cannot_write(self.path, error) from None
