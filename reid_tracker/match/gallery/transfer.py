"""Exports a gallery to a file of JSON lines and imports it, for copies and moves to another store.

The first line is a header; each other line is a sighting, an event or the end. Embeddings are
float16, little-endian, in base64.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import gzip
import json
import os
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError, OutputError, ReidTrackerError, StoreError
from reid_tracker.match.gallery.records import (
    IDENTITY_LIMIT,
    EventRecord,
    SightingRecord,
    from_bytes,
    to_bytes,
)
from reid_tracker.match.gallery.store import GalleryStore

_FORMAT = "reid-track gallery"
_VERSION = 1
_ROWS = 500
_MAX_BYTES = 8 * 2**20
"""Of a line: a thousand times as much as a sighting with a picture takes."""


class Transferred(NamedTuple):
    """Numbers of records written or read."""

    sightings: int
    events: int
    crops: int


def export_gallery(
    store: GalleryStore, path: str | Path, *, crops: bool = False, overwrite: bool = False
) -> Transferred:
    """Write a gallery to a file that only its owner can read, whole or not at all.

    Args:
        store: the gallery.
        path: .jsonl, or .jsonl.gz to compress.
        crops: include the pictures.
        overwrite: replace an existing file.

    Raises:
        OutputError: the file exists, or cannot be written.
        StoreError: the gallery cannot be read.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputError(
            f"{path} exists already; add --overwrite to replace it, or choose another name"
        )
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with _compressed(file, path) as lines:
                counts = _write_lines(store, lines, crops=crops)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}; choose another place") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return counts


def import_gallery(store: GalleryStore, path: str | Path) -> Transferred:
    """Read an exported gallery into an empty store.

    Two galleries are never mixed, because the same number means different people in them.

    Raises:
        StoreError: the store is not empty, or cannot be written.
        InputError: the file cannot be read, is not an export, or is damaged. The store is then
            empty.
    """
    info = store.info()
    if info.sightings or info.events:
        raise StoreError(
            f"{info.place} already holds {info.sightings} sightings; import into a new gallery, "
            "because the same number means different people in two galleries"
        )
    try:
        return _read_lines(store, Path(path))
    except BaseException:
        with contextlib.suppress(ReidTrackerError):
            store.purge()
        raise


@contextlib.contextmanager
def _compressed(file: IO[bytes], path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".gz":
        # Without name and time, the same gallery gives the same bytes.
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            yield packed  # type: ignore[misc]
    else:
        yield file


def _write_lines(store: GalleryStore, lines: IO[bytes], *, crops: bool) -> Transferred:
    info = store.info()
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "next_identity": info.next_identity,
        "model": info.model,
        "embedding_size": info.embedding_size,
    }
    lines.write(_line(header))
    # Events come first, so that they move nothing when they are read: every sighting then comes
    # with its present identity.
    events = store.events()
    for event in events:
        lines.write(_line({"event": dataclasses.asdict(event)}))
    sightings = pictures = 0
    for page in store.pages(_ROWS):
        found = store.crops([one.id for one in page]) if crops else {}
        for one in page:
            lines.write(_line({"sighting": _plain(one, found.get(one.id))}))
        sightings += len(page)
        pictures += len(found)
    # A truncated file lacks this line.
    counts = Transferred(sightings, len(events), pictures)
    lines.write(_line({"end": counts._asdict()}))
    return counts


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(one: SightingRecord, crop: bytes | None) -> dict[str, Any]:
    data = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    data["embeddings"] = base64.b64encode(to_bytes(one.embeddings)).decode()
    if crop is not None:
        data["crop"] = base64.b64encode(crop).decode()
    return data


def _read_lines(store: GalleryStore, path: Path) -> Transferred:
    counts = Transferred(0, 0, 0)
    end: Any = None
    with _opened(path) as lines:
        header = _parsed(path, 1, next(lines, b""))
        if header.get("format") != _FORMAT or header.get("version") != _VERSION:
            raise InputError(
                f"{path} is not an export of a gallery of version {_VERSION}; expected a file "
                "written by `reid-track gallery export`"
            )
        next_identity = header.get("next_identity", 1)
        if type(next_identity) is not int or not 1 <= next_identity < IDENTITY_LIMIT:
            raise InputError(
                f"{path} line 1 is damaged: next_identity = {shown(next_identity)}, expected a "
                "whole number from 1"
            )
        numbered = enumerate(lines, 2)
        while part := list(islice(numbered, _ROWS)):
            crops: dict[str, bytes] = {}
            records = [_record(path, number, line, header, crops) for number, line in part]
            events = [one for one in records if isinstance(one, EventRecord)]
            seen = [one for one in records if isinstance(one, SightingRecord)]
            store.write(events=events)
            store.write(seen, crops=crops)
            counts = Transferred(
                counts.sightings + len(seen), counts.events + len(events), counts.crops + len(crops)
            )
            end = records[-1]
    if end != counts._asdict():
        raise InputError(
            f"{path} is truncated: it ends after {counts.sightings} sightings; copy it again"
        )
    missing = next_identity - store.info().next_identity
    if missing > 0:
        store.reserve_identities(missing)
    return counts


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Iterator[bytes]]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield _lines(path, gzip.GzipFile(fileobj=file) if packed else file)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {why}") from None


def _lines(path: Path, file: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    """Yield lines of limited size: a few bytes of a compressed file may expand to gigabytes."""
    number = 0
    while line := file.readline(_MAX_BYTES + 1):
        number += 1
        if len(line) > _MAX_BYTES:
            raise InputError(
                f"{path} line {number} is damaged: expected at most {_MAX_BYTES} bytes"
            )
        yield line


def _parsed(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise InputError(f"{path} line {number} is damaged: expected a JSON object")
    return data


def _record(
    path: Path, number: int, line: bytes, header: dict[str, Any], crops: dict[str, bytes]
) -> Any:
    """Return an event, a sighting (its picture goes into `crops`), or the counts at the end."""
    data = _parsed(path, number, line)
    try:
        if "event" in data:
            event = data["event"]
            lists = {name: tuple(event[name]) for name in ("previous", "sightings")}
            return EventRecord(**(event | lists))
        if "sighting" in data:
            fields = dict(data["sighting"])
            crop = fields.pop("crop", None)
            vectors = base64.b64decode(fields["embeddings"], validate=True)
            fields["embeddings"] = from_bytes(vectors, header["embedding_size"])
            if crop is not None:
                crops[fields["id"]] = base64.b64decode(crop, validate=True)
            return SightingRecord(**fields)
        return data["end"]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise InputError(f"{path} line {number} is damaged: {shown(error, str)}") from None
