"""Text files that grow line by line: never overwritten by accident, never with a half line."""

from __future__ import annotations

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
    """Return a camera's name as it stands in file names."""
    return re.sub(r"[^\w.-]+", "_", camera)


def rounded(values: npt.NDArray[np.floating], decimals: int) -> list[Any]:
    """Return `values` as nested lists of short floats, without negative zeros.

    Args:
        values: any shape.
        decimals: digits behind the point.
    """
    result: list[Any] = (values.astype(np.float64).round(decimals) + 0.0).tolist()
    return result


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield all lines except a last one that a power cut left half written."""
    return (line for line in lines if line.endswith("\n"))


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise unless `path` is free or may be replaced.

    Raises:
        OutputError: `path` exists, and `overwrite` is False.
    """
    if not overwrite and os.path.lexists(path):
        raise OutputError(
            f"{path} exists already: use --overwrite to replace it, or another output folder"
        )


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when the system refuses to write `path`."""
    reason = error.strerror or type(error).__name__
    return OutputError(
        f"cannot write {path}: {reason}; free space, or choose another output folder"
    )


class TextSink(BaseSink):
    """A UTF-8 text file whose text on disk always ends with a complete line.

    Args:
        path: the file.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(self, path: Path, *, overwrite: bool = False) -> None:
        super().__init__(path)
        refuse_existing(path, overwrite)
        try:
            # Without a buffer: what is written survives the process, also after kill -9.
            self._file = open(path, "wb" if overwrite else "xb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise cannot_write(path, error) from None
        self._size = 0

    def append(self, text: str) -> None:
        """Write complete lines; if the disk is full, none of them stays.

        Args:
            text: lines, each with its newline; may be empty.

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
            self._drop_incomplete_line()
            raise cannot_write(self.path, error) from None

    def _drop_incomplete_line(self) -> None:
        # A device or pipe cannot be shortened; the write error itself is reported.
        with suppress(OSError):
            self._file.truncate(self._size)

    def _finish(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise cannot_write(self.path, error) from None
