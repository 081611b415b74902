"""Puts a model on this machine: downloads it, checks it, and only then gives it its name."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reid_tracker.errors import WeightsError
from reid_tracker.zoo.content import Content, check_content, content_of
from reid_tracker.zoo.download import Download, Progress
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest
from reid_tracker.zoo.pins import expected, pin, pins_file
from reid_tracker.zoo.places import place

logger = logging.getLogger(__name__)


def pull(name: str, progress: Progress | None = None, manifest: Manifest | None = None) -> Path:
    """Return the path of a model, which is downloaded first where it is not here.

    A file that is here already is checked against its checksum, published or pinned.

    Args:
        name: of an entry of the manifest.
        progress: told how far the download is.
        manifest: the models; None is the project's own.

    Raises:
        ConfigError: there is no model of that name.
        WeightsError: it cannot be downloaded, or is not what it should be.
    """
    manifest = manifest or load_manifest()
    entry = manifest.get(name)
    path = place(entry, manifest)
    if path.exists():
        _check_here(entry, path)
    elif entry.shipped:
        raise WeightsError(
            f"{name}: {path} is missing, though it comes with the package; install reid-tracker "
            "again"
        )
    else:
        _download(entry, path, progress)
    return path


def mismatch(entry: Entry, content: Content, folder: Path) -> str | None:
    """Say how a file differs from what is published or pinned; None if it does not."""
    wanted = expected(entry, folder)
    if wanted is None:
        if entry.size_bytes in (None, content.size_bytes):
            return None
        return f"expected {entry.size_bytes} bytes, found {content.size_bytes}"
    if wanted.sha256 == content.sha256 and wanted.size_bytes in (0, content.size_bytes):
        return None
    size = f", {wanted.size_bytes} bytes" if wanted.size_bytes else ""
    kind = (
        "as published" if entry.sha256 else f"as first downloaded (pinned in {pins_file(folder)})"
    )
    return f"expected sha256 {wanted.sha256}{size} {kind}, found {content}"


def _check_here(entry: Entry, path: Path) -> None:
    content = content_of(path)
    if wrong := mismatch(entry, content, path.parent):
        again = "install reid-tracker again" if entry.shipped else "delete it and pull it again"
        raise WeightsError(f"{entry.name}: {path} is another file: {wrong}; {again}")
    if entry.shipped or expected(entry, path.parent) is not None:
        return
    try:  # placed by hand: this is its first use
        check_content(path, entry.file)
    except WeightsError as error:
        raise WeightsError(f"{entry.name}: {path}: {error}") from None
    pin(entry, content, path.parent)


def _download(entry: Entry, path: Path, progress: Progress | None) -> None:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"cannot make the folder {folder}: {error.strerror}; set REID_TRACKER_HOME to another"
        ) from None
    wanted = expected(entry, folder)
    download = Download(
        url=entry.url or "",
        part=path.with_name(f"{path.name}.part"),
        file_name=path.name,
        size_bytes=entry.size_bytes or (wanted.size_bytes or None if wanted else None),
        progress=progress,
    )
    with _alone(path):
        resumed = download.part.exists()
        try:
            content = _fetch(entry, download, folder)
        except _WrongContentError:
            if not resumed:
                raise
            # The part may have been of an older version: once more, from the start.
            content = _fetch(entry, download, folder)
        # The pin comes first: a crash between the two leaves a pin, never an unpinned file.
        pin(entry, content, folder)
        os.replace(download.part, path)
        download.forget()
    logger.info("%s: downloaded to %s (%s)", entry.name, path, content)


class _WrongContentError(WeightsError):
    """All came, and it is not what it should be."""


def _fetch(entry: Entry, download: Download, folder: Path) -> Content:
    """Collect the file and check it; what is wrong is removed, what is cut off is kept."""
    try:
        download.run()
    except WeightsError as error:
        raise WeightsError(
            f"{entry.name}: could not be downloaded from {download.url}: {error}; or get the file "
            f"elsewhere and put it at {download.part.with_suffix('')}"
        ) from None
    content = content_of(download.part)
    wrong = mismatch(entry, content, folder)
    try:
        if wrong is None:
            check_content(download.part, entry.file)
    except WeightsError as error:
        wrong = str(error)
    if wrong is not None:
        download.forget()
        raise _WrongContentError(
            f"{entry.name}: what {download.url} sent is not the model: {wrong}; it was removed"
        )
    return content


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep two processes from collecting one file; the lock ends with the process."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    # It stays: to remove it would let a third process lock a file that is no longer there.
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WeightsError(
                f"{path.name} is being downloaded by another process; wait for it, then run again"
            ) from None
        yield
