"""Where models lie on this machine, and which of them "auto" takes."""

from __future__ import annotations

import os
from pathlib import Path

from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest


def download_folder() -> Path:
    """Return the folder of downloads, whether or not it exists.

    It is weights/ below $REID_TRACKER_HOME, or else below reid_tracker/ in the user's cache.
    """
    if home := os.environ.get("REID_TRACKER_HOME"):
        return Path(home).expanduser().absolute() / "weights"
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    base = Path(cache) if os.path.isabs(cache) else Path(os.path.expanduser("~")) / ".cache"
    return base / "reid_tracker" / "weights"


def place(entry: Entry, manifest: Manifest) -> Path:
    """Return the path at which an entry lies once it is here."""
    return (manifest.folder if entry.shipped else download_folder()) / entry.file


def locate(entry: Entry, manifest: Manifest | None = None) -> Path | None:
    """Return the path of an entry's file or folder, or None if it is not on this machine."""
    path = place(entry, manifest or load_manifest())
    return path if path.exists() else None


def find(name: str, manifest: Manifest | None = None) -> Path | None:
    """Return the path of a model on this machine; None if it is unknown or not here."""
    manifest = manifest or load_manifest()
    entry = next((item for item in manifest.entries if item.name == name), None)
    return None if entry is None else locate(entry, manifest)


def best(
    task: str, manifest: Manifest | None = None, *, on_cpu: bool = True
) -> tuple[Entry, Path] | None:
    """Return the best model for a task that is on this machine; nothing is downloaded.

    Args:
        task: "detector" or "encoder".
        manifest: the models; None is the project's own.
        on_cpu: whether it is to run on a CPU, so that forms made for one may be taken.

    Returns:
        The entry and its path, or None if there is no ranked model here.
    """
    manifest = manifest or load_manifest()
    for entry in manifest.of_task(task):
        fits = entry.rank is not None and (on_cpu or not entry.cpu_form)
        if fits and (path := locate(entry, manifest)) is not None:
            return entry, path
    return None
