"""Checks all models on this machine against their published or pinned checksums."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from reid_tracker.errors import WeightsError
from reid_tracker.zoo.content import check_content, content_of
from reid_tracker.zoo.entry import Entry
from reid_tracker.zoo.manifest import Manifest, load_manifest
from reid_tracker.zoo.pins import expected
from reid_tracker.zoo.places import download_folder, locate
from reid_tracker.zoo.pull import mismatch


class Verdict(NamedTuple):
    """The result for one model.

    Attributes:
        entry: the model.
        path: path of its file or folder.
        wrong: description of the problem, or None.
        checked_by: "published" or "pinned" checksum, or "form" (file type) without a known
            checksum.
    """

    entry: Entry
    path: Path
    wrong: str | None
    checked_by: str


def verify(manifest: Manifest | None = None) -> list[Verdict]:
    """Check all models of the manifest that are on this machine, without changing anything.

    Raises:
        WeightsError: the pins are damaged.
    """
    manifest = manifest or load_manifest()
    return [
        _verdict(entry, path)
        for entry in manifest.entries
        if (path := locate(entry, manifest)) is not None
    ]


def _verdict(entry: Entry, path: Path) -> Verdict:
    wanted = expected(entry, download_folder())
    checked_by = "published" if entry.sha256 else "pinned" if wanted else "form"
    try:
        wrong = mismatch(entry, content_of(path), download_folder())
        if wrong is None and checked_by == "form":
            check_content(path, entry.file)
    except WeightsError as error:
        wrong = str(error)
    return Verdict(entry, path, wrong, checked_by)
