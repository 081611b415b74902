"""Files that grow line by line: never overwritten by accident, complete lines at any moment."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from reid_tracker.errors import OutputError
from reid_tracker.sink.base import BaseSink


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise unless `path` is free or may be replaced.

    Raises:
        OutputError: something is there, and `overwrite` is False.
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
        """Write complete lines; nothing of them stays if they do not fit on the disk.

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
