"""The messages between camera hosts and the centre: tracklets, states, identities.

Times are UTC seconds since 1970, kept to the millisecond. Positions are fractions of the frame's
width and height from its top left corner. A message rounds its values as the wire does, so that the
message that arrives equals the one that was sent.
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

MAX_PICTURE_BYTES = 6000
"""Leaves room in a message for the maximum number of prototypes and observations."""

TrackletState = Literal["new", "update", "end"]
CameraState = Literal["connecting", "live", "stalled", "gone"]
EdgeState = Literal["started", "stopped", "lost"]

# A box may extend beyond the frame by at most the frame's size.
_Part = Annotated[float, Meta(ge=-1, le=2)]
_Metres = Annotated[float, Meta(ge=-1e6, le=1e6)]


def new_boot_id() -> str:
    """Return a unique id of one start of a program; sequence numbers count from that start."""
    return uuid.uuid4().hex


class Observation(Record, frozen=True):
    """Position of a person at one time.

    Attributes:
        time_s: UTC seconds since 1970.
        box: (left, top, right, bottom) as fractions of the frame's size, -1 to 2.
        foot: (x, y) of the point where the person stands, as fractions, -1 to 2.
        world: (x, y) of that point on the ground plane in metres; None without a calibration.

    Raises:
        MessageError: a value is invalid.
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
    """State of a tracklet: one person whom one camera has followed without a break.

    Each message of a tracklet replaces the earlier ones. Only its observations are incremental:
    those since the previous message. A lost message therefore costs positions, but not the person.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`; after a restart track numbers start again at 1.
        edge_seq: sequence number within edge and boot; a gap means that messages were lost.
        camera: name, unique within the edge.
        track: number from the camera's tracker, positive.
        state: "new", "update" or "end".
        start_s: time of the first detection, UTC seconds since 1970.
        end_s: time of the last detection.
        clock: source of the times: "rtcp" the camera's own clock, "arrival" the arrival of the
            frame, "file" the time within a recording.
        frames: number of frames in which the person was detected so far.
        quality: how reliable the embeddings are, 0 to 1.
        observations: 1 to 64 since the previous message, oldest first.
        prototypes: embeddings of the person; may be empty at first.
        picture: a JPEG file of the person, if the host sends pictures and has a better one than it
            sent before; usually None.

    Raises:
        MessageError: a value is invalid.
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
    picture: Annotated[bytes, Meta(max_length=MAX_PICTURE_BYTES)] | None = None

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
                "TrackletMessage.observations: expected ascending times between start_s and end_s"
            )
        jpeg = self.picture
        if jpeg is not None and not (jpeg[:3] == b"\xff\xd8\xff" and jpeg[-2:] == b"\xff\xd9"):
            raise wrong("TrackletMessage.picture", jpeg[:8], "Expected a JPEG file")

    @property
    def message_id(self) -> str:
        """Unique id of the message; copies of a message share it."""
        return _message_id(self.edge, self.boot, self.edge_seq)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Edge, boot, camera and track: identifies the tracklet among all edges and restarts."""
        return self.edge, self.boot, self.camera, self.track


class CameraMessage(Record, frozen=True):
    """The state of a camera, sent when it changes and at regular intervals.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        edge_seq: sequence number, shared with the tracklet messages of the edge.
        camera: name.
        time_s: UTC seconds since 1970.
        state: "connecting" until the first frame, "live", "stalled" if the connection delivers no
            frames, "gone" if the camera cannot be reached, has ended or was removed.
        reason: why the camera is gone, as one readable line; empty otherwise.
        clock: as in `TrackletMessage`.
        frames: frames read since the start.
        dropped: frames skipped since the start because newer ones were waiting.
        frame_rate: current rate of processed frames per second.
        frame_age_s: seconds since the newest frame; None before the first frame.

    Raises:
        MessageError: a value is invalid.
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

    While the host runs, its cameras' messages show that it is alive.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        number: sequence number of the host's own messages. It is separate from `edge_seq`, so that
            a "lost" message that is never sent leaves no gap.
        time_s: time of the message, UTC seconds since 1970; for "lost", when the host connected.
        state: "started", "stopped" or "lost".
        reason: one readable line; may be empty.

    Raises:
        MessageError: a value is invalid.
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
    """The `TrackletMessage.key` of a tracklet that an identity message names.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        camera: name.
        track: number from the camera's tracker.

    Raises:
        MessageError: a value is invalid.
    """

    edge: Name
    boot: Name
    camera: Name
    track: Positive


class IdentityMessage(Record, frozen=True):
    """Decides that the member tracklets are one person, for their whole time.

    Attributes:
        centre: name of the central matcher.
        boot: see `new_boot_id`.
        seq: sequence number within centre and boot.
        kind: "new", "match", "merge" or "split", see `reid_tracker.types.IdentityEvent`.
        identity: number of the person; 0 after a split if the person is not known yet.
        previous_ids: other numbers that the members had before.
        members: the tracklets whose identity changed.
        reason: one readable line.
        score: similarity in [0, 1] that led to the decision; 1 if nothing was compared.
        time_s: time of the decision, UTC seconds since 1970.

    Raises:
        MessageError: a value is invalid.
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


def moved_back(message: TrackletMessage, seconds: float) -> TrackletMessage:
    """Return the message with all times moved back, at most to 1970."""
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
    """Refuse embeddings of another encoder: comparing them would silently ruin identities.

    Args:
        message: a message; those without embeddings always pass.
        fingerprint: see `reid_tracker.encode.fingerprint.model_fingerprint`. Hosts of earlier
            versions send the hash of the encoder's file, which is an alias of its space.
        dim: size of the embeddings.

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
    """Return a unique id in ASCII, which message headers require."""
    return f"{escape(source)}/{escape(boot)}/{number}"
