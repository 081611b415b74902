"""Finds models on this machine, and the one that "auto" takes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reid_tracker.resources import user_cache
from reid_tracker.zoo.content import content_of
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest


def download_folder() -> Path:
    """Return the download folder, which may not exist yet.

    It is weights/ in $REID_TRACKER_HOME, or else reid_tracker/weights/ in the user's cache folder.
    """
    return user_cache("weights")


def place(entry: Entry, manifest: Manifest) -> Path:
    """Return the path of an entry's file, whether or not it exists."""
    return (manifest.folder if entry.shipped else download_folder()) / entry.file


def locate(entry: Entry, manifest: Manifest | None = None) -> Path | None:
    """Return the path of an entry's file or folder, or None if it is not on this machine."""
    path = place(entry, manifest or load_manifest())
    return path if path.exists() else None


def best(
    task: str, manifest: Manifest | None = None, *, on_cpu: bool = True
) -> tuple[Entry, Path] | None:
    """Return the best "detector" or "encoder" that is already on this machine, or None.

    Models with `cpu_form` are only considered if `on_cpu` is true.
    """
    manifest = manifest or load_manifest()
    for entry in manifest.of_task(task):
        fits = entry.rank is not None and (on_cpu or not entry.cpu_form)
        if fits and (path := locate(entry, manifest)) is not None:
            return entry, path
    return None


def recognise(name: str, path: Path, task: str) -> Entry | None:
    """Return the manifest entry of a model, or None.

    Args:
        name: name of the model; an entry with this name is returned without reading a file.
        path: path of the model; its content is compared with the entries.
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
    """Return a hint about better models for a run that used the shipped ones by default.

    Args:
        models: configured model by task, e.g. {"detector": "auto", "encoder": "none"}.

    Returns:
        One line with a command, or None.
    """
    used = [found[0] for task, name in models.items() if name == "auto" and (found := best(task))]
    better = [entry.better for entry in used if entry.better is not None]
    if not better:
        return None
    return f"more accurate models, but slower: reid-track weights pull {' '.join(better)}"
