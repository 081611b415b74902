"""Writes the stored pictures of search results, as files and as a sheet."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from reid_tracker.cli.redact import one_line
from reid_tracker.errors import OutputError
from reid_tracker.match.gallery.records import SightingRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.run.moments import moment
from reid_tracker.types import ImageBGR

_CAPTION = (
    "{count} of {all} sightings have a stored picture; they are shown in the order of the list. "
    "A query picture comes first, in a red frame. Below each picture: its rank, the cosine "
    "similarity to the query if that is a picture, the identity, the camera, and the time of the "
    "first view."
)

_log = logging.getLogger(__name__)


def save_pictures(
    arguments: argparse.Namespace,
    store: GalleryStore,
    found: Sequence[tuple[SightingRecord, float | None]],
    query: ImageBGR | None = None,
) -> None:
    """Write the pictures for --save-crops and --sheet.

    Args:
        arguments: the parsed arguments.
        store: the gallery.
        found: ranked sightings, with their scores if they have any.
        query: the query picture; None without a picture.

    Raises:
        OutputError: a picture cannot be written.
        MissingDependencyError: a sheet needs matplotlib.
    """
    if arguments.save_crops is None and arguments.sheet is None:
        return
    crops = store.crops([one.id for one, _ in found])
    if not crops:
        _log.warning("no pictures of these sightings are stored")
        return
    if arguments.save_crops is not None:
        _write_files(Path(arguments.save_crops), found, crops)
    if arguments.sheet is not None:
        _draw(arguments, found, crops, query)


def _write_files(
    folder: Path, found: Sequence[tuple[SightingRecord, float | None]], crops: dict[str, bytes]
) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for rank, (one, _) in enumerate(found, 1):
            if one.id in crops:
                path = folder / f"{rank:03}_identity{one.identity:06}.jpg"
                path.write_bytes(crops[one.id])
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from None


def _draw(
    arguments: argparse.Namespace,
    found: Sequence[tuple[SightingRecord, float | None]],
    crops: dict[str, bytes],
    query: ImageBGR | None,
) -> None:
    from reid_tracker.explain.found import Found, found_sheet

    pictures = []
    for rank, (one, score) in enumerate(found, 1):
        if one.id in crops:
            likeness = "" if score is None else f"  {score:.3f}"
            who = f"identity {one.identity or '?'}"
            # Date and time on two lines, since one line would be wider than the picture.
            when = moment(one.start_s).split(" ", 1)
            lines = (f"#{rank}{likeness}", who, one_line(one.camera)[:14], *when)
            pictures.append(Found(crops[one.id], lines))
    title = one_line(f"Search for {arguments.query}")
    caption = _CAPTION.format(count=len(pictures), all=len(found))
    sheet = found_sheet(pictures, title=title, caption=caption, query=query)
    sheet.save(arguments.sheet, overwrite=arguments.overwrite)
