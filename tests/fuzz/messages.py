"""Fuzz target: messages as a broker hands them out, from anybody who can publish."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass

from reid_tracker.central.records import batch_of, sighting_id, sighting_of
from reid_tracker.errors import MessageError
from reid_tracker.transport import Receiver, TrackletMessage
from reid_tracker.transport.wire.codec import decode_message, encode_message
from reid_tracker.transport.wire.messages import Message, Observation
from reid_tracker.transport.wire.names import unescape
from reid_tracker.transport.wire.subjects import parse_subject, subject_of
from tests.fuzz.harness import Target
from tests.transport.samples import (
    ENCODER,
    NOW_S,
    PICTURE,
    host,
    identity,
    status,
    tracklet,
)

_SITE = "main hall"


@dataclass
class _Delivered:
    """A delivery that counts its answers."""

    subject: str
    data: bytes
    redelivered: bool = False
    stored_s: float | None = None
    answers: int = 0

    def ack(self) -> None:
        self.answers += 1

    def nak(self) -> None:
        self.answers += 1


class _Queue:
    """A subscription that hands out what it was given."""

    def __init__(self, deliveries: list[_Delivered]) -> None:
        self._left = deque(deliveries)

    def receive(self, timeout_s: float) -> _Delivered | None:
        return self._left.popleft() if self._left else None

    def caught_up(self) -> bool:
        return True

    def pending(self) -> int:
        return len(self._left)

    def close(self) -> None:
        self._left.clear()


def decode(data: bytes) -> None:
    """Decode a message; one that is read is written again, and then equal."""
    message = decode_message(data)
    again = decode_message(encode_message(message))
    assert again == message, "written and read again it differs"
    assert message.message_id.isascii()


def receive(data: bytes) -> None:
    """Receive what came on a subject twice, and take it as a centre does."""
    subject, _, content = data.partition(b"\n")
    name = subject.decode("utf-8", "replace")
    deliveries = [_Delivered(name, content), _Delivered(name, content)]
    receiver = Receiver(_Queue(deliveries), encoder=(ENCODER, 0), gaps=True)
    while receiver.pending():
        if (received := receiver.receive(0.0)) is not None:
            _take(received.message, received.subject.site)
            received.ack()
    assert all(one.answers == 1 for one in deliveries), "not every delivery was answered once"


def _take(message: Message, site: str) -> None:
    if isinstance(message, TrackletMessage) and len(message.prototypes):
        try:
            sighting_id(site, message.key)
        except MessageError:
            return
        sighting_of(message, site, 1)
        batch_of([message, message])


def subjects(data: bytes) -> None:
    """Read a subject and its parts; what is read is written as it was."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        assert str(parse_subject(text)) == text, "written again it differs"
    except MessageError:
        unescape(text)


def _messages() -> list[Message]:
    wide = Observation(NOW_S + 1, (-1, -1, 2, 2), (2, -1))
    many = tuple(Observation(NOW_S + 1 + n / 64, (0, 0, 1, 1), (0.5, 1)) for n in range(64))
    return [
        tracklet(),
        tracklet(1, edge="gate host", camera="rtsp://192.0.2.7/stream?a=1", state="new"),
        tracklet(2, state="end", clock="file", observations=(wide,)),
        tracklet(2**53, track=2**53, observations=many),
        tracklet(3, state="end", picture=PICTURE),
        host(),
        status(),
        status(3, state="gone", reason="no frame for 20 s"),
        identity(),
        identity(1, kind="split", identity=0, previous_ids=(1, 2, 3)),
    ]


def target() -> Target:
    """Return the target."""
    data = [encode_message(message) for message in _messages()]
    odd = [
        json.dumps(json.loads(data[0]) | {"schema": 2}).encode(),
        data[0].replace(b'"dim":32', b'"dim":16'),
        b"[" * 60_000,
        b'{"a":' * 12_000,
        b'{"schema":1,"type":"tracklet","edge_seq":' + b"9" * 60_000 + b"}",
    ]
    addressed = [
        f"{subject_of(message, _SITE)}\n".encode() + encode_message(message)
        for message in _messages()
    ]
    names = [str(subject_of(message, _SITE)).encode() for message in _messages()]
    return Target(
        "messages",
        {"decode": decode, "receive": receive, "subjects": subjects},
        {
            "decode": [*data, *odd],
            "receive": addressed,
            "subjects": [*names, b"=20", b"a=2Fb", b"="],
        },
        most_bytes=70_000,
    )
