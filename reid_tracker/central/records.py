"""Converts messages to matcher batches and gallery records, and events to messages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from reid_tracker.arrays import Float32Array
from reid_tracker.errors import MessageError
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from reid_tracker.match.tracklets.batch import TrackletBatch
from reid_tracker.match.tracklets.prototypes import stack_prototypes
from reid_tracker.transport import IdentityMessage, TrackletMessage, TrackletRef
from reid_tracker.transport.wire.embeddings import HalfVectors
from reid_tracker.transport.wire.names import escape, unescape
from reid_tracker.types import IdentityEvent

Key = tuple[str, str, str, int]
"""Edge, boot, camera and track: identifies a tracklet of one site, see `TrackletMessage.key`."""

Row = tuple[str, int]
"""The matcher's name of a tracklet: name of the camera, and a number unique within it."""

KeyOf = Callable[[Row], Key]

CENTRE = "central"
"""Name under which every centre publishes; the boot id distinguishes its starts."""

_MAX_LETTERS = 500
_MAX_MEMBERS = 64
_MAX_PREVIOUS = 1000


def camera_name(edge: str, camera: str) -> str:
    """Return the unique name of a camera at its site: "edge/camera".

    A slash in the edge's own name is written %2F, so that no two cameras share a name.
    """
    return f"{edge.replace('%', '%25').replace('/', '%2F')}/{camera}"


def row_of(key: Key) -> Row:
    """Return the matcher's name of a tracklet.

    Trackers count from 1 after each start, so the number is a hash of boot and track. A restarted
    centre gives a tracklet the same number again.
    """
    edge, boot, camera, track = key
    digest = hashlib.blake2b(f"{track}/{boot}".encode(), digest_size=8).digest()
    return camera_name(edge, camera), int.from_bytes(digest, "big") >> 2


def sighting_id(site: str, key: Key) -> str:
    """Return the id of a tracklet in the gallery; all messages of a tracklet give the same id.

    Raises:
        MessageError: the names together are too long.
    """
    edge, boot, camera, track = key
    text = "/".join([*map(escape, (site, edge, boot, camera)), str(track)])
    if len(text) > _MAX_LETTERS or len(camera_name(edge, camera)) > _MAX_LETTERS:
        raise MessageError(
            f"edge {edge[:40]!r}, camera {camera[:40]!r}: the names take {len(text)} letters in "
            f"the gallery, expected at most {_MAX_LETTERS}; choose shorter names"
        )
    return text


def key_of_sighting(site: str, text: str) -> Key | None:
    """Return the tracklet that `sighting_id` named; None if another program made the id."""
    parts = text.split("/")
    if len(parts) != 5 or parts[0] != escape(site) or not parts[4].isdecimal():
        return None
    try:
        edge, boot, camera = map(unescape, parts[1:4])
    except MessageError:
        return None
    return edge, boot, camera, int(parts[4])


def batch_of(messages: Sequence[TrackletMessage]) -> TrackletBatch:
    """Return N messages, each of another tracklet and with embeddings, as a batch."""
    return _batch(
        [message.key for message in messages],
        messages,
        [message.prototypes.vectors for message in messages],
        [message.prototypes.weights for message in messages],
        [message.frames for message in messages],
    )


def batch_of_sightings(
    keys: Sequence[Key], sightings: Sequence[SightingRecord], hits: int
) -> TrackletBatch:
    """Return N tracklets of the gallery as a batch, with equal weights of their prototypes.

    Args:
        keys: N tracklets.
        sightings: their records.
        hits: number of embeddings to assume for each record.
    """
    vectors = [one.embeddings for one in sightings]
    weights = [[hits / len(one)] * len(one) for one in vectors]
    return _batch(keys, sightings, vectors, weights, [hits] * len(keys))


def _batch(
    keys: Sequence[Key],
    spans: Sequence[TrackletMessage | SightingRecord],
    vectors: Sequence[HalfVectors | Float32Array],
    weights: Sequence[Sequence[float]],
    hits: Sequence[int],
) -> TrackletBatch:
    """Stack N arrays of (P_i, D) vectors as (N, P, D), with weight 0 for padding."""
    rows = [row_of(key) for key in keys]
    units = [_unit(np.asarray(one, np.float16)) for one in vectors]
    stacked, stacked_weights = stack_prototypes(units, weights)
    return TrackletBatch(
        cameras=[camera for camera, _ in rows],
        tracks=np.array([track for _, track in rows], np.int64),
        first_s=np.array([one.start_s for one in spans]),
        last_s=np.array([one.end_s for one in spans]),
        prototypes=stacked,
        weights=stacked_weights,
        hits=np.array(hits, np.int64),
        quality=np.array(hits) * np.array([one.quality for one in spans]),
    )


def sighting_of(message: TrackletMessage, site: str, identity: int) -> SightingRecord:
    """Return the gallery's record of a tracklet."""
    return SightingRecord(
        id=sighting_id(site, message.key),
        identity=identity,
        camera=camera_name(message.edge, message.camera),
        site=site,
        start_s=message.start_s,
        end_s=message.end_s,
        embeddings=_unit(message.prototypes.vectors),
        quality=message.quality,
        model=message.prototypes.encoder,
    )


def event_record(event: IdentityEvent, name: str, site: str, key_of: KeyOf) -> EventRecord:
    """Return the gallery's record of an event; `name` is unique among events."""
    return EventRecord(
        id=name,
        kind=event.kind,
        identity=event.identity,
        time_s=event.time_s,
        previous=event.previous_ids,
        sightings=tuple(sighting_id(site, key_of(row)) for row in event.members),
        reason=event.reason,
        score=event.score,
    )


def identity_messages(
    event: IdentityEvent, boot: str, numbers: Iterator[int], key_of: KeyOf
) -> list[IdentityMessage]:
    """Return the messages to camera hosts about an event, several if many tracklets change.

    Args:
        event: an event of the matcher.
        boot: id of this start of the centre.
        numbers: sequence numbers for its messages.
        key_of: returns the tracklet for a matcher's name.
    """
    members = [TrackletRef(*key_of(row)) for row in event.members]
    return [
        IdentityMessage(
            centre=CENTRE,
            boot=boot,
            seq=next(numbers),
            kind=event.kind,
            identity=event.identity,
            previous_ids=event.previous_ids[:_MAX_PREVIOUS],
            members=tuple(members[start : start + _MAX_MEMBERS]),
            reason=event.reason,
            score=min(max(event.score, 0.0), 1.0),
            time_s=max(event.time_s, 0.0),
        )
        for start in range(0, max(len(members), 1), _MAX_MEMBERS)
    ]


def _unit(vectors: HalfVectors | Float32Array) -> Float32Array:
    """Normalise rows to length 1 in full precision, since the wire has rounded them."""
    rows = vectors.astype(np.float32)
    unit: Float32Array = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
