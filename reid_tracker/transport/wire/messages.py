"""The messages between camera hosts and the centre: tracklets, states, identities.

Times are UTC seconds since 1970, kept to the millisecond; positions are parts of the frame's width
and height from its top left corner. A message holds its values as the wire has them, so that one
that was sent is equal to the one that arrives.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal, get_args

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.embeddings import Prototypes
from reid_tracker.transport.wire.fields import (
    Choice,
    ListOf,
    Maybe,
    Real,
    RecordOf,
    Text,
    Whole,
    check_fields,
    wire,
)
from reid_tracker.transport.wire.names import NAME, escape
from reid_tracker.transport.wire.picture import Jpeg
from reid_tracker.types import EventKind

SCHEMA_VERSION = 1

TrackletState = Literal["new", "update", "end"]
ClockSource = Literal["rtcp", "arrival", "file"]
CameraState = Literal["connecting", "live", "stalled", "gone"]
EdgeState = Literal["started", "stopped", "lost"]

_TIME = Real(0, 1e11, digits=3)
# A box may leave the frame, by no more than its size.
_BOX = ListOf(Real(-1, 2, digits=5), most=4, least=4)
_POINT = ListOf(Real(-1, 2, digits=5), most=2, least=2)
_METRES = ListOf(Real(-1e6, 1e6, digits=3), most=2, least=2)
_PART = Real(0, 1, digits=4)
_REASON = Text(most=500, least=0)
_TRACKLET_STATE = Choice(get_args(TrackletState))
_CLOCK = Choice(get_args(ClockSource))
_CAMERA_STATE = Choice(get_args(CameraState))
_EDGE_STATE = Choice(get_args(EdgeState))
_EVENT_KIND = Choice(get_args(EventKind))
_PROTOTYPES = RecordOf(Prototypes)
_PICTURE = Maybe(Jpeg())


def new_boot_id() -> str:
    """Return text that no other start of a program has; sequence numbers count within it."""
    return uuid.uuid4().hex


@dataclass(frozen=True)
class Observation:
    """Where a person was at one time.

    Attributes:
        time_s: UTC seconds since 1970.
        box: (left, top, right, bottom) as parts of the frame's size, -1 to 2.
        foot: (x, y) of the point on the floor, likewise.
        world: (x, y) of it on the floor plan in metres; None where the camera is not calibrated.

    Raises:
        MessageError: a value does not fit.
    """

    time_s: float = wire(_TIME)
    box: tuple[float, float, float, float] = wire(_BOX)
    foot: tuple[float, float] = wire(_POINT)
    world: tuple[float, float] | None = wire(Maybe(_METRES), default=None)

    def __post_init__(self) -> None:
        check_fields(self)
        self.check_together()

    def check_together(self) -> None:
        """Check what no field can tell alone."""
        left, top, right, bottom = self.box
        if right < left or bottom < top:
            raise MessageError(
                f"Observation.box = {self.box}: expected left, top, right, bottom with left <= "
                "right and top <= bottom"
            )


@dataclass(frozen=True)
class TrackletMessage:
    """What a camera host knows of one person followed by one camera without a break.

    Each message of a tracklet replaces the ones before it, but for the observations, which are
    those since the message before: a lost message costs positions, not the person.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`; tracks are numbered anew after a restart.
        edge_seq: number of the message within edge and boot, rising by one: a gap is a loss.
        camera: name, unique within the edge.
        track: number that the camera's tracker gave, positive.
        state: "new", "update" or "end".
        start_s: first time seen, UTC seconds since 1970.
        end_s: last time seen.
        clock: where the times come from: "rtcp" the camera's own clock, "arrival" when a frame
            came, "file" the time within a recording.
        frames: number of frames in which the person was detected so far.
        quality: how much the looks can be trusted, 0 to 1.
        observations: 1 to 64 since the message before, oldest first; the last is the newest.
        prototypes: what the person looks like; may hold none yet.
        picture: a JPEG file of them, where the host was told to send it and has a better one than
            before; mostly None.

    Raises:
        MessageError: a value does not fit.
    """

    edge: str = wire(NAME)
    boot: str = wire(NAME)
    edge_seq: int = wire(Whole())
    camera: str = wire(NAME)
    track: int = wire(Whole(low=1))
    state: TrackletState = wire(_TRACKLET_STATE)
    start_s: float = wire(_TIME)
    end_s: float = wire(_TIME)
    clock: ClockSource = wire(_CLOCK)
    frames: int = wire(Whole(low=1))
    quality: float = wire(_PART)
    observations: tuple[Observation, ...] = wire(ListOf(RecordOf(Observation), most=64, least=1))
    prototypes: Prototypes = wire(_PROTOTYPES)
    picture: bytes | None = wire(_PICTURE, default=None)

    def __post_init__(self) -> None:
        check_fields(self)
        self.check_together()

    def check_together(self) -> None:
        """Check what no field can tell alone."""
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

    @property
    def message_id(self) -> str:
        """Text that no other message has, by which one that came twice is known."""
        return _message_id(self.edge, self.boot, self.edge_seq)

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Edge, boot, camera and track: the tracklet, among those of all edges and starts."""
        return self.edge, self.boot, self.camera, self.track


@dataclass(frozen=True)
class CameraStatus:
    """How a camera is doing, sent when it changes and now and then.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        edge_seq: as in `TrackletMessage`, in the same count.
        camera: name.
        time_s: UTC seconds since 1970.
        state: "connecting" until the first frame, "live", "stalled" where a connection brings no
            frame, "gone" where it cannot be reached, has ended or was removed.
        reason: one line for people that says why it is gone; empty otherwise.
        clock: as in `TrackletMessage`.
        frames: frames read since the start.
        dropped: frames left out since the start, since newer ones were there.
        frame_rate: frames a second that are processed now.
        frame_age_s: time from the newest frame's to now; None before the first frame.

    Raises:
        MessageError: a value does not fit.
    """

    edge: str = wire(NAME)
    boot: str = wire(NAME)
    edge_seq: int = wire(Whole())
    camera: str = wire(NAME)
    time_s: float = wire(_TIME)
    state: CameraState = wire(_CAMERA_STATE)
    reason: str = wire(_REASON)
    clock: ClockSource = wire(_CLOCK)
    frames: int = wire(Whole())
    dropped: int = wire(Whole())
    frame_rate: float = wire(Real(0, 1e4, digits=2))
    frame_age_s: float | None = wire(Maybe(Real(-1e9, 1e9, digits=3)), default=None)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.edge, self.boot, self.edge_seq)


@dataclass(frozen=True)
class EdgeStatus:
    """A camera host begins, ends, or is lost, which an MQTT broker says in its stead.

    That it goes on is told by its other messages, those of its cameras at least.

    Attributes:
        edge: name of the camera host.
        boot: see `new_boot_id`.
        number: of the message within edge and boot, in a count of its own: one that is never sent,
            since nothing was lost, is no gap.
        time_s: UTC seconds since 1970 at which it was made; of "lost", when it connected.
        state: "started", "stopped" or "lost".
        reason: one line for people; may be empty.

    Raises:
        MessageError: a value does not fit.
    """

    edge: str = wire(NAME)
    boot: str = wire(NAME)
    number: int = wire(Whole())
    time_s: float = wire(_TIME)
    state: EdgeState = wire(_EDGE_STATE)
    reason: str = wire(_REASON)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.edge, self.boot, f"host-{self.number}")


@dataclass(frozen=True)
class Member:
    """A tracklet that an identity message is about.

    Attributes:
        edge: see `TrackletMessage`, as are the others.
        boot: start of the edge's program.
        camera: name.
        track: number.

    Raises:
        MessageError: a value does not fit.
    """

    edge: str = wire(NAME)
    boot: str = wire(NAME)
    camera: str = wire(NAME)
    track: int = wire(Whole(low=1))

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True)
class IdentityMessage:
    """From `time_s` on, the members are one person; this also holds for their past.

    Attributes:
        centre: name of the central matcher.
        boot: see `new_boot_id`.
        seq: number of the message within centre and boot, rising by one.
        kind: "new", "match", "merge" or "split", see `reid_tracker.types.IdentityEvent`.
        identity: number of the person; 0 after a split that leaves open who it is.
        previous_ids: other numbers that the members had before.
        members: the tracklets that changed.
        reason: one line for people.
        score: similarity in [0, 1] on which it rests; 1 where nothing was compared.
        time_s: time of the decision, UTC seconds since 1970.

    Raises:
        MessageError: a value does not fit.
    """

    centre: str = wire(NAME)
    boot: str = wire(NAME)
    seq: int = wire(Whole())
    kind: EventKind = wire(_EVENT_KIND)
    identity: int = wire(Whole())
    previous_ids: tuple[int, ...] = wire(ListOf(Whole(low=1), most=1000))
    members: tuple[Member, ...] = wire(ListOf(RecordOf(Member), most=256))
    reason: str = wire(_REASON)
    score: float = wire(_PART)
    time_s: float = wire(_TIME)

    def __post_init__(self) -> None:
        check_fields(self)

    @property
    def message_id(self) -> str:
        """See `TrackletMessage`."""
        return _message_id(self.centre, self.boot, self.seq)


Message = TrackletMessage | CameraStatus | EdgeStatus | IdentityMessage


def check_encoder(message: Message, fingerprint: str, dim: int) -> None:
    """Refuse looks of another encoder, since comparing them silently ruins identities.

    Args:
        message: one without looks always passes.
        fingerprint: see `reid_tracker.encode.fingerprint.model_fingerprint`.
        dim: size of its embeddings.

    Raises:
        MessageError: the message has embeddings of another encoder or size.
    """
    if not isinstance(message, TrackletMessage):
        return
    looks = message.prototypes
    if looks.encoder != fingerprint or looks.dim != dim:
        raise MessageError(
            f"edge {message.edge!r} sends embeddings of encoder {looks.encoder[:12]} with "
            f"{looks.dim} values, expected {fingerprint[:12]} with {dim}; run the same weights on "
            "all edges"
        )


def _message_id(source: str, boot: str, number: int | str) -> str:
    """Return an id in ASCII, as headers need it, that no two sources share."""
    return f"{escape(source)}/{escape(boot)}/{number}"
