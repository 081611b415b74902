"""Downloads a model, and checks it before it gets its final name."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from reid_tracker.errors import WeightsError
from reid_tracker.zoo.content import Content, check_content, content_of
from reid_tracker.zoo.download import Download, DownloadProgress
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest
from reid_tracker.zoo.pins import expected, locked, pin, pins_file
from reid_tracker.zoo.places import place

logger = logging.getLogger(__name__)


def pull(
    name: str, progress: DownloadProgress | None = None, manifest: Manifest | None = None
) -> Path:
    """Return the path of a model; download it if it is missing.

    An existing file is checked against its published or pinned checksum.

    Args:
        name: name in the manifest.
        progress: receives the progress of the download.
        manifest: the models; None means the shipped manifest.

    Raises:
        ConfigError: the name is unknown.
        WeightsError: the download fails, or the file has the wrong content.
    """
    manifest = manifest or load_manifest()
    entry = manifest.get(name)
    path = place(entry, manifest)
    if path.exists():
        _check_here(entry, path)
    elif entry.shipped:
        raise WeightsError(
            f"{name}: {path} is missing, but belongs to the package; install reid-tracker again"
        )
    else:
        _download(entry, path, progress)
    return path


def mismatch(entry: Entry, content: Content, folder: Path) -> str | None:
    """Return how a file differs from its published or pinned content; None if it is equal."""
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
        raise WeightsError(f"{entry.name}: {path} is not the expected file: {wrong}; {again}")
    if entry.shipped or expected(entry, path.parent) is not None:
        return
    try:  # the user copied the file here and uses it for the first time
        check_content(path, entry.file)
    except WeightsError as error:
        raise WeightsError(f"{entry.name}: {path}: {error}") from None
    pin(entry, content, path.parent)


def _download(entry: Entry, path: Path, progress: DownloadProgress | None) -> None:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"cannot create the folder {folder}: {error.strerror}; set REID_TRACKER_HOME"
        ) from None
    wanted = expected(entry, folder)
    download = Download(
        url=entry.url or "",
        part=path.with_name(f"{path.name}.part"),
        file_name=path.name,
        size_bytes=entry.size_bytes or (wanted.size_bytes or None if wanted else None),
        progress=progress,
    )
    busy = f"{path.name} is being downloaded by another process; wait for it, then run again"
    with locked(path, busy):
        resumed = download.part.exists()
        try:
            content = _fetch(entry, download, folder)
        except _WrongContentError:
            if not resumed:
                raise
            # The part may belong to an older version, so download once more from the start.
            content = _fetch(entry, download, folder)
        # Pin first, so that a crash never leaves a file without a pin.
        pin(entry, content, folder)
        os.replace(download.part, path)
        download.discard()
    logger.info("%s: downloaded to %s (%s)", entry.name, path, content)


class _WrongContentError(WeightsError):
    """The download is complete, but has the wrong content."""


def _fetch(entry: Entry, download: Download, folder: Path) -> Content:
    """Download and check the file; remove a wrong one, keep an incomplete one."""
    try:
        download.run()
    except WeightsError as error:
        raise WeightsError(
            f"{entry.name}: could not be downloaded from {download.url}: {error}; or put the file "
            f"at {download.part.with_suffix('')}"
        ) from None
    content = content_of(download.part)
    wrong = mismatch(entry, content, folder)
    try:
        if wrong is None:
            check_content(download.part, entry.file)
    except WeightsError as error:
        wrong = str(error)
    if wrong is not None:
        download.discard()
        raise _WrongContentError(
            f"{entry.name}: {download.url} sent another file: {wrong}; it was removed"
        )
    return content
