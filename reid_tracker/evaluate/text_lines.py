"""Reads text files of boxes line by line, in memory that does not depend on the file's size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reid_tracker.errors import InputError

_LONGEST = 4096
"""A longer line is read in pieces, which are malformed."""


def text_lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each line, without empty lines and comments.

    Commas and white space separate cells. A byte order mark is skipped.

    Raises:
        InputError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            number = 0
            while line := file.readline(_LONGEST):
                number += 1
                if line.strip() and not line.startswith("#"):
                    yield number, line.replace(",", " ").split()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"cannot read {path}: {reason}") from None
