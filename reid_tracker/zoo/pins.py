"""Pins: checksums of first downloads, for models without a published checksum.

They are stored in pins.json in the download folder. Later downloads must have the same checksum.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import WeightsError
from reid_tracker.zoo.content import Content
from reid_tracker.zoo.entry import Entry

_FILE = "pins.json"


def pins_file(folder: Path) -> Path:
    """Return the path of pins.json in a download folder."""
    return folder / _FILE


def expected(entry: Entry, folder: Path) -> Content | None:
    """Return the published or pinned content of an entry's file, or None.

    The size is 0 if only the checksum is published.
    """
    if entry.sha256 is not None:
        return Content(entry.sha256, entry.size_bytes or 0)
    return _read(folder).get(entry.name)


def pin(entry: Entry, content: Content, folder: Path) -> None:
    """Pin the content of an entry's file, unless a checksum is published or pinned.

    Raises:
        WeightsError: the pins are damaged or cannot be written.
    """
    if entry.sha256 is not None:
        return
    with locked(pins_file(folder)):  # so that two processes cannot overwrite each other's pins
        pins = _read(folder)
        if entry.name not in pins:
            _write({**pins, entry.name: content}, folder)


@contextmanager
def locked(path: Path, busy: str = "") -> Iterator[None]:
    """Hold a lock file next to a path; the operating system releases it if the process dies.

    If another process holds the lock, raise an error with the text `busy`, or wait if it is empty.

    Raises:
        WeightsError: another process holds the lock, or the lock file cannot be written.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    # Never remove the lock file: otherwise two processes could lock different files.
    try:
        lock = path.with_name(f".{path.name}.lock").open("wb")
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        except OSError as error:
            raise WeightsError(busy or f"cannot lock {path}: {error.strerror}") from None
        yield


def _write(pins: dict[str, Content], folder: Path) -> None:
    path = pins_file(folder)
    new = path.with_name(f"{_FILE}.{os.getpid()}.new")
    data = {name: item._asdict() for name, item in sorted(pins.items())}
    try:
        new.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
        os.replace(new, path)
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror}") from None


def _read(folder: Path) -> dict[str, Content]:
    path = pins_file(folder)
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
        pins = {
            str(name): Content(item["sha256"], item["size_bytes"]) for name, item in data.items()
        }
        sound = all(
            re.fullmatch("[0-9a-f]{64}", item.sha256) and type(item.size_bytes) is int
            for item in pins.values()
        )
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        sound, pins = False, {}
    if not sound:
        raise WeightsError(
            f"{path} is damaged: expected the checksums of earlier downloads; delete it to pin the "
            "present files"
        )
    return pins
