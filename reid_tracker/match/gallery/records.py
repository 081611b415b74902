"""The records of a gallery: sightings with embeddings, identity events, filters and results.

Times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from reid_tracker.config.checked import shown
from reid_tracker.errors import InputError
from reid_tracker.types import Embeddings, EventKind
from reid_tracker.zoo.spaces import space_of

IDENTITY_LIMIT = 2**62
"""All identities are smaller than this."""

_MAX_LETTERS = 500
_UNIT_TOLERANCE = 1e-2
"""Unit rows in float16 have length 1 within 1e-3."""


@dataclass(frozen=True, eq=False)
class SightingRecord:
    """One person, followed by one camera without a break.

    Attributes:
        id: chosen by the writer and unique in a gallery. Writing it again replaces the record, so
            that a batch can be sent twice if its acknowledgement was lost.
        identity: number of the person; 0 while not sure.
        camera: name of the camera.
        site: name of the place that the camera belongs to; may be empty.
        start_s: first time seen, UTC seconds since 1970.
        end_s: last time seen.
        embeddings: (P, D) float32 unit rows, P >= 1 views of the person.
        quality: reliability of the embeddings, 0 to 1.
        model: space of the embeddings, see `reid_tracker.zoo.spaces`; a hash that is an alias of
            one becomes its name.

    Raises:
        InputError: a value is not allowed.
    """

    id: str
    identity: int
    camera: str
    site: str
    start_s: float
    end_s: float
    embeddings: Embeddings
    quality: float
    model: str

    def __post_init__(self) -> None:
        for name in ("id", "camera", "model"):
            _check_text(f"SightingRecord.{name}", getattr(self, name))
        _check_text("SightingRecord.site", self.site, empty=True)
        _check_identity("SightingRecord.identity", self.identity)
        if not (math.isfinite(self.start_s) and self.start_s <= self.end_s < math.inf):
            raise InputError(
                f"sighting {self.id} lasts from {self.start_s} to {self.end_s}: expected finite "
                "seconds since 1970 with start_s <= end_s"
            )
        if not 0 <= self.quality <= 1:
            raise InputError(f"sighting {self.id}: quality = {self.quality}, expected 0 to 1")
        rows = np.asarray(self.embeddings, np.float32)
        if rows.ndim != 2 or 0 in rows.shape:
            raise InputError(
                f"sighting {self.id}: embeddings of shape {rows.shape}, expected (P, D), P >= 1"
            )
        check_unit(f"sighting {self.id}: embeddings", rows)
        object.__setattr__(self, "embeddings", rows)
        object.__setattr__(self, "model", space_of(self.model))
        object.__setattr__(self, "identity", int(self.identity))
        for name in ("start_s", "end_s", "quality"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True)
class EventRecord:
    """A change of an identity.

    Attributes:
        id: chosen by the writer and unique, as with sightings.
        kind: "new", "match" (sightings join), "merge" (`previous` end in `identity`) or "split"
            (`sightings` leave `previous` for `identity`).
        identity: number from now on; 0 while not sure.
        time_s: time of the decision, UTC seconds since 1970.
        previous: other numbers that its sightings had before. A merge moves all sightings of these
            numbers, listed or not.
        sightings: ids of sightings that the event moves to `identity`.
        reason: one line for people.
        score: similarity on which the decision rests, 0 to 1; 1 if nothing was compared.

    Raises:
        InputError: a value is not allowed.
    """

    id: str
    kind: EventKind
    identity: int
    time_s: float
    previous: tuple[int, ...] = ()
    sightings: tuple[str, ...] = ()
    reason: str = ""
    score: float = 1.0

    def __post_init__(self) -> None:
        _check_text("EventRecord.id", self.id)
        _check_text("EventRecord.reason", self.reason, empty=True)
        if self.kind not in get_args(EventKind):
            kinds = ", ".join(get_args(EventKind))
            raise InputError(f"event {self.id} is a {shown(self.kind)}, expected one of {kinds}")
        _check_identity(f"event {self.id}: identity", self.identity)
        for identity in self.previous:
            _check_identity(f"event {self.id}: previous", identity, min_identity=1)
        if not all(map(math.isfinite, (self.time_s, self.score))):
            raise InputError(f"event {self.id}: time_s and score must be finite")
        if self.kind == "merge" and not (self.previous and self.identity):
            raise InputError(
                f"event {self.id} is a merge of {self.previous} into {self.identity}: expected "
                "previous identities and an identity from 1"
            )
        object.__setattr__(self, "identity", int(self.identity))
        object.__setattr__(self, "previous", tuple(int(old) for old in self.previous))
        object.__setattr__(self, "sightings", tuple(self.sightings))
        for name in ("time_s", "score"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True)
class Where:
    """A filter of sightings; an empty tuple excludes nothing.

    Attributes:
        cameras: only these.
        except_cameras: not these.
        sites: only these.
        identities: only these.
        since_s: seen at this time or later, UTC seconds since 1970.
        until_s: seen at this time or earlier; a sighting that reaches into the window counts.
        except_identities: not these; may be many.
    """

    cameras: tuple[str, ...] = ()
    except_cameras: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    identities: tuple[int, ...] = ()
    since_s: float = -math.inf
    until_s: float = math.inf
    except_identities: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not self.since_s <= self.until_s:
            raise InputError(
                f"a time window from {self.since_s} to {self.until_s} is empty; expected its start "
                "before its end"
            )


ANYWHERE = Where()
"""All sightings."""


@dataclass(frozen=True, eq=False)
class Hit:
    """A sighting found by a search.

    Attributes:
        score: cosine similarity of the query and the sighting's most similar embedding.
        sighting: the record.
    """

    score: float
    sighting: SightingRecord


@dataclass(frozen=True)
class Deletion:
    """An entry in the list of deletions, which holds no embedding and no picture.

    Attributes:
        time_s: UTC seconds since 1970.
        what: "forget 7" or "purge".
        sightings: number of sightings deleted.
    """

    time_s: float
    what: str
    sightings: int


@dataclass(frozen=True)
class StoreInfo:
    """The content of a gallery in numbers.

    Attributes:
        kind: of the store, such as "embedded" or "postgresql".
        place: file, or host and database; without credentials.
        sightings: number of sightings.
        embeddings: number of vectors.
        identities: number of people with a sighting.
        events: number of identity events.
        crops: number of pictures.
        cameras: names, sorted.
        first_s: earliest time seen, UTC seconds since 1970; None without sightings.
        last_s: latest time seen; None without sightings.
        stored_s: latest time of writing a sighting; None without sightings.
        model: space of the embeddings, as in `SightingRecord`; None without embeddings.
        embedding_size: D; None without embeddings.
        next_identity: the smallest number that was never given out.
        size_bytes: size on the disk.
        deletions: the latest deletions, newest first.
    """

    kind: str
    place: str
    sightings: int
    embeddings: int
    identities: int
    events: int
    crops: int
    cameras: tuple[str, ...]
    first_s: float | None
    last_s: float | None
    stored_s: float | None
    model: str | None
    embedding_size: int | None
    next_identity: int
    size_bytes: int
    deletions: tuple[Deletion, ...]


def to_bytes(embeddings: Embeddings) -> bytes:
    """Return (P, D) embeddings as float16, little-endian, row by row."""
    return embeddings.astype("<f2").tobytes()


def from_bytes(data: bytes, size: int) -> Embeddings:
    """Return the (P, size) float32 embeddings that `to_bytes` wrote."""
    return np.frombuffer(data, "<f2").reshape(-1, size).astype(np.float32)


def number_now(identity: int, events: Iterable[EventRecord]) -> int:
    """Return the number of a person after all merges."""
    for event in events:
        if event.kind == "merge" and identity in event.previous:
            identity = event.identity
    return identity


def related_events(events: Collection[EventRecord], identity: int) -> list[EventRecord]:
    """Return the events of an identity and of all that were merged into it, in their order."""
    merges = [event for event in events if event.kind == "merge"]
    same, new = set[int](), {identity}
    while new:
        same |= new
        new = {old for event in merges if event.identity in new for old in event.previous} - same
    return [event for event in events if event.identity in same or same & set(event.previous)]


def check_unit(what: str, rows: Embeddings) -> None:
    """Raise `InputError` unless all rows have length 1."""
    lengths = np.linalg.norm(rows, axis=1)
    # Written so that NaN fails too.
    if not (np.abs(lengths - 1) <= _UNIT_TOLERANCE).all():
        raise InputError(
            f"{what}: a row has length {lengths[np.argmax(np.abs(lengths - 1))]:g}, expected unit "
            "rows, as encoders make them"
        )


def _check_text(what: str, text: Any, *, empty: bool = False) -> None:
    """Refuse other types, long texts, and characters that not every store can keep."""
    if not isinstance(text, str) or len(text) > _MAX_LETTERS or (not text and not empty):
        shortest = 0 if empty else 1
        raise InputError(
            f"{what} = {shown(text)}: expected text of {shortest} to {_MAX_LETTERS} letters"
        )
    if "\0" in text or (not text.isascii() and text != text.encode(errors="replace").decode()):
        raise InputError(f"{what} = {shown(text)}: expected text without NUL and lone surrogates")


def _check_identity(what: str, identity: Any, min_identity: int = 0) -> None:
    if not isinstance(identity, int | np.integer) or not min_identity <= identity < IDENTITY_LIMIT:
        raise InputError(
            f"{what} = {shown(identity)}: expected a whole number from {min_identity} on"
        )
