"""Pins: what a download without a published checksum was when it first came.

They lie in pins.json beside the downloads. A later file of the same name that differs is refused.
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
    """Return the path of the pins of a folder of downloads."""
    return folder / _FILE


def expected(entry: Entry, folder: Path) -> Content | None:
    """Return what an entry's file must be: as published, else as pinned; None if neither is known.

    A published checksum without a published size has size 0 here.
    """
    if entry.sha256 is not None:
        return Content(entry.sha256, entry.size_bytes or 0)
    return _read(folder).get(entry.name)


def pin(entry: Entry, content: Content, folder: Path) -> None:
    """Remember what an entry's file is, unless a checksum is published or pinned.

    Raises:
        WeightsError: the pins are damaged, or cannot be written.
    """
    if entry.sha256 is not None:
        return
    with _alone(folder):  # between reading and writing, another's pin would be lost
        pins = _read(folder)
        if entry.name not in pins:
            _write({**pins, entry.name: content}, folder)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Wait until no other process changes the pins; the lock ends with the process."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    path = pins_file(folder)
    # It stays: to remove it would let a third process lock a file that is no longer there.
    try:
        lock = path.with_name(f".{_FILE}.lock").open("wb")
    except OSError as error:
        raise WeightsError(f"cannot write {path}: {error.strerror}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise WeightsError(f"cannot lock {path}: {error.strerror}") from None
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
        data = json.loads(path.read_text(encoding="utf-8"))
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
            "files anew as they are"
        )
    return pins
