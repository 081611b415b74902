"""The messages between camera hosts and the centre: tracklets, states, identities.

Times are UTC seconds since 1970, kept to the millisecond. Positions are fractions of the frame's
width and height from its top left corner. A message holds its values as the wire has them, so that
the message that arrives equals the one that was sent.
"""

from __future__ import annotations

import uuid
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from reid_tracker.config.checked import shown
from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.names import escape
from reid_tracker.transport.wire.record import (
    Count,
    Fraction,
    Name,
    Positive,
    Reason,
    Record,
    Time,
    wrong,
)
from reid_tracker.types import ClockSource, EventKind
from reid_tracker.zoo.spaces import space_of

SCHEMA_VERSION = 1

MOST_PICTURE_BYTES = 6000
"""Fits into a message beside the most prototypes and observations that it may hold."""

TrackletState = Literal["new", "update", "end"]
CameraState = Literal["connecting", "live", "stalled", "gone"]
EdgeState = Literal["started", "stopped", "lost"]

# A box may extend beyond the frame by at most the frame's size.
_Part = Annotated[float, Meta(ge=-1, le=2)]
_Metres = Annotated[float, Meta(ge=-1e6, le=1e6)]


def new_boot_id() -> str:
    """Return text that no other start of a program has; sequence numbers count within it."""
    return uuid.uuid4().hex


class Observation(Record, frozen=True):
    """Where a person was at one time.

    Attributes:
        time_s: UTC seconds since 1970.
        box: (left, top, right, bottom) as fractions of the frame's size, -1 to 2.
        foot: (x, y) of the point where the person stands, likewise.
        world: (x, y) of it on the ground plane in metres; None if the camera is not calibrated.

    Raises:
        MessageError: a value does not fit.
    """

    time_s: Time
    box: tuple[_Part, _Part, _Part, _Part]
    foot: tuple[_Part, _Part]
    world: tuple[_Metres, _Metres] | None = None

    digits: ClassVar[dict[str, int]] = {"time_s": 3, "box": 5, "foot": 5, "world": 3}

    def __post_init__(self) -> None:
        super().__post_init__()
        left, top, right, bottom = self.box
        if right < left or bottom < top:
            raise MessageError(
                f"Observation.box = {self.box}: expected left, top, right, bottom with left <= "
                "right and top <= bottom"
            )


class TrackletMessage(Record, frozen=True):
    """What a camera host knows of one person whom one camera has followed without a break.

    Each message of a tracklet replaces the earlier ones, except for the observations, which are
    those since the message before: a lost message costs positions, not the person.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`; after a restart track numbers begin again.
        edge_seq: number of the message within edge and boot, rising by one: a gap is a loss.
        camera: name, unique within the edge.
        track: number from the camera's tracker, positive.
        state: "new", "update" or "end".
        start_s: time of the first detection, UTC seconds since 1970.
        end_s: time of the last detection.
        clock: source of the times: "rtcp" the camera's own clock, "arrival" the arrival of the
            frame, "file" the time within a recording.
        frames: number of frames in which the person was detected so far.
        quality: how far the embeddings can be trusted, 0 to 1.
        observations: 1 to 64 since the message before, oldest first; the last is the newest.
        prototypes: embeddings of the person; may hold none yet.
        picture: a JPEG file of the person, if the host was told to send pictures and has a better
            one than before; mostly None.

    Raises:
        MessageError: a value does not fit.
    """

    edge: Name
    boot: Name
    edge_seq: Count
    camera: Name
    track: Positive
    state: TrackletState
    start_s: Time
    end_s: Time
    clock: ClockSource
    frames: Positive
    quality: Fraction
    observations: Annotated[tuple[Observation, ...], Meta(min_length=1, max_length=64)]
    prototypes: Prototypes
    picture: Annotated[bytes, Meta(max_length=MOST_PICTURE_BYTES)] | None = None

    digits: ClassVar[dict[str, int]] = {"start_s": 3, "end_s": 3, "quality": 4}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.end_s < self.start_s:
            raise MessageError(
                f"TrackletMessage lasts from {self.start_s} to {self.end_s}: expected start_s <= "
                "end_s"
            )
        times = [one.time_s for one in self.observations]
        if times != sorted(times) or times[0] < self.start_s or times[-1] > self.end_s:
            raise MessageError(
                "TrackletMessage.observations: expected times that rise, from start_s to end_s"
            )
        jpeg = self.picture
        if jpeg is not None and not (jpeg[:3] == b"\xff\xd8\xff" and jpeg[-2:] == b"\xff\xd9"):
            raise wrong("TrackletMessage.picture", jpeg[:8], "Expected a JPEG file")

    @property
    def message_id(self) -> str:
        """Text that no other message has; it identifies a second copy."""
        return _message_id(self.edge, self.boot, self.edge_seq)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Edge, boot, camera and track: the tracklet, among those of all edges and starts."""
        return self.edge, self.boot, self.camera, self.track


class CameraMessage(Record, frozen=True):
    """The state of a camera, sent when it changes and at regular intervals.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        edge_seq: as in `TrackletMessage`, in the same count.
        camera: name.
        time_s: UTC seconds since 1970.
        state: "connecting" until the first frame, "live", "stalled" if a connection brings no
            frame, "gone" if it cannot be reached, has ended or was removed.
        reason: why the camera is gone, one line for people; empty otherwise.
        clock: as in `TrackletMessage`.
        frames: frames read since the start.
        dropped: frames left out since the start because newer ones were waiting.
        frame_rate: frames processed per second at present.
        frame_age_s: time since the newest frame; None before the first frame.

    Raises:
        MessageError: a value does not fit.
    """

    edge: Name
    boot: Name
    edge_seq: Count
    camera: Name
    time_s: Time
    state: CameraState
    reason: Reason
    clock: ClockSource
    frames: Count
    dropped: Count
    frame_rate: Annotated[float, Meta(ge=0, le=1e4)]
    frame_age_s: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None

    digits: ClassVar[dict[str, int]] = {"time_s": 3, "frame_rate": 2, "frame_age_s": 3}

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.edge, self.boot, self.edge_seq)


class EdgeMessage(Record, frozen=True):
    """A camera host has started or stopped, or an MQTT broker has lost it.

    While the host runs, the messages of its cameras show it.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        number: of the message within edge and boot, in a count of its own: a "lost" message that is
            never sent is not a gap.
        time_s: UTC seconds since 1970 at which it was made; for "lost", when the host connected.
        state: "started", "stopped" or "lost".
        reason: one line for people; may be empty.

    Raises:
        MessageError: a value does not fit.
    """

    edge: Name
    boot: Name
    number: Count
    time_s: Time
    state: EdgeState
    reason: Reason

    digits: ClassVar[dict[str, int]] = {"time_s": 3}

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.edge, self.boot, f"host-{self.number}")


class TrackletRef(Record, frozen=True):
    """A tracklet that an identity message names.

    Attributes:
        edge: see `TrackletMessage`, as for the others.
        boot: start of the edge's program.
        camera: name.
        track: number.

    Raises:
        MessageError: a value does not fit.
    """

    edge: Name
    boot: Name
    camera: Name
    track: Positive


class IdentityMessage(Record, frozen=True):
    """From `time_s` on, the members are one person; this also holds for their past.

    Attributes:
        centre: name of the central matcher.
        boot: see `new_boot_id`.
        seq: number of the message within centre and boot, rising by one.
        kind: "new", "match", "merge" or "split", see `reid_tracker.types.IdentityEvent`.
        identity: number of the person; 0 after a split that leaves the person open.
        previous_ids: other numbers that the members had before.
        members: the tracklets that changed.
        reason: one line for people.
        score: similarity in [0, 1] behind the decision; 1 if nothing was compared.
        time_s: time of the decision, UTC seconds since 1970.

    Raises:
        MessageError: a value does not fit.
    """

    centre: Name
    boot: Name
    seq: Count
    kind: EventKind
    identity: Count
    previous_ids: Annotated[tuple[Positive, ...], Meta(max_length=1000)]
    members: Annotated[tuple[TrackletRef, ...], Meta(max_length=256)]
    reason: Reason
    score: Fraction
    time_s: Time

    digits: ClassVar[dict[str, int]] = {"score": 4, "time_s": 3}

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.centre, self.boot, self.seq)


Message = TrackletMessage | CameraMessage | EdgeMessage | IdentityMessage


def earlier(message: TrackletMessage, seconds: float) -> TrackletMessage:
    """Return a message with all times moved back, at most to 1970."""
    seconds = min(seconds, message.start_s)
    return msgspec.structs.replace(
        message,
        start_s=message.start_s - seconds,
        end_s=message.end_s - seconds,
        observations=tuple(
            msgspec.structs.replace(one, time_s=max(one.time_s - seconds, 0.0))
            for one in message.observations
        ),
    )


def check_encoder(message: Message, fingerprint: str, dim: int) -> None:
    """Refuse embeddings of another encoder, since comparing them ruins identities unnoticed.

    Args:
        message: one without embeddings always passes.
        fingerprint: see `reid_tracker.encode.fingerprint.model_fingerprint`. Hosts of earlier
            versions send the hash of the encoder's file, which is an alias of its space.
        dim: size of its embeddings.

    Raises:
        MessageError: the message has embeddings of another encoder or size.
    """
    if not isinstance(message, TrackletMessage):
        return
    sent = message.prototypes
    space, expected = space_of(sent.encoder), space_of(fingerprint)
    if space != expected or sent.dim != dim:
        raise MessageError(
            f"host {message.edge!r} sends embeddings of encoder {shown(space[:24], str)} with "
            f"{sent.dim} values, expected {expected[:24]} with {dim}; give the host and the centre "
            "the same --encoder"
        )


def _message_id(source: str, boot: str, number: int | str) -> str:
    """Return an id in ASCII, as headers need it, that no two sources share."""
    return f"{escape(source)}/{escape(boot)}/{number}"
