"""Where models are on this machine, and which one "auto" takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reid_tracker.resources import user_cache
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest


def download_folder() -> Path:
    """Return the download folder, which may not exist yet.

    It is weights/ in $REID_TRACKER_HOME, or else in reid_tracker/ in the user's cache folder.
    """
    return user_cache("weights")


def place(entry: Entry, manifest: Manifest) -> Path:
    """Return the path where the file of an entry belongs."""
    return (manifest.folder if entry.shipped else download_folder()) / entry.file


def locate(entry: Entry, manifest: Manifest | None = None) -> Path | None:
    """Return the path of an entry's file or folder, or None if it is not on this machine."""
    path = place(entry, manifest or load_manifest())
    return path if path.exists() else None


def find(name: str, manifest: Manifest | None = None) -> Path | None:
    """Return the path of a model, or None if it is unknown or not on this machine."""
    manifest = manifest or load_manifest()
    entry = next((item for item in manifest.entries if item.name == name), None)
    return None if entry is None else locate(entry, manifest)


def best(
    task: str, manifest: Manifest | None = None, *, on_cpu: bool = True
) -> tuple[Entry, Path] | None:
    """Return the best "detector" or "encoder" on this machine, without downloading, or None.

    CPU forms are only allowed if the model will run `on_cpu`.
    """
    manifest = manifest or load_manifest()
    for entry in manifest.of_task(task):
        fits = entry.rank is not None and (on_cpu or not entry.cpu_form)
        if fits and (path := locate(entry, manifest)) is not None:
            return entry, path
    return None


def recognise(name: str, path: Path, task: str) -> Entry | None:
    """Return the entry of a model that somebody named, or None.

    Args:
        name: as given; that of an entry is enough.
        path: where the model is. A file or folder is recognised in any place, by its content.
        task: "detector" or "encoder".

    Raises:
        WeightsError: the model cannot be read.
    """
    manifest = load_manifest()
    if (named := manifest.known(name, task)) is not None:
        return named
    known = {entry.sha256: entry for entry in manifest.of_task(task) if entry.sha256 is not None}
    sizes = {entry.size_bytes for entry in known.values()}
    if not path.is_dir() and not (path.is_file() and path.stat().st_size in sizes):
        return None  # files of other sizes are not read
    return known.get(content_of(path).sha256)


def advice(models: Mapping[str, str]) -> str | None:
    """Say where better models than the shipped ones are, if a run has used these by default.

    Args:
        models: names that the run was given, by task: {"detector": "auto", "encoder": "none"}.

    Returns:
        One line with a command, or None.
    """
    used = [found[0] for task, name in models.items() if name == "auto" and (found := best(task))]
    better = [entry.better for entry in used if entry.better is not None]
    if not better:
        return None
    return f"more accurate models, but slower: reid-track weights pull {' '.join(better)}"
