"""What a message broker does for this package, whichever it is.

Delivery is at least once: a message is handed out until it is acknowledged, so it may come twice.
Messages of one camera are handed out in the order in which they were published; one that had to be
handed out again may come after later ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.codec import check_size, encode_message
from reid_tracker.transport.wire.messages import Message
from reid_tracker.transport.wire.subjects import parse_subject, subject_of


class Outgoing(NamedTuple):
    """A message to be published.

    Attributes:
        message_id: text that no other message has, by which a second copy is known.
        subject: where it goes, see `reid_tracker.transport.wire.subjects`.
        data: what `encode_message` gave.
    """

    message_id: str
    subject: str
    data: bytes

    @classmethod
    def of(cls, message: Message, site: str) -> Outgoing:
        """Return what is published of a message that belongs to a site.

        Raises:
            MessageError: it is too large.
        """
        return cls(message.message_id, str(subject_of(message, site)), encode_message(message))


Will = Callable[[], Outgoing]
"""Makes what a broker is to publish in the stead of a client that it loses, for one connection."""


class Delivery(Protocol):
    """A message that was handed out."""

    @property
    def subject(self) -> str:
        """Where it was published."""
        ...

    @property
    def data(self) -> bytes:
        """Its content, as it came."""
        ...

    @property
    def redelivered(self) -> bool:
        """It was handed out before, to this or another receiver."""
        ...

    def ack(self) -> None:
        """Say that it is stored, so that it is not handed out again.

        If the broker is away for now it may come once more; this raises nothing.
        """
        ...

    def nak(self) -> None:
        """Say that it could not be stored, so that it is handed out again soon."""
        ...


class Subscription(Protocol):
    """Receives what is published; its place is kept by the broker under a durable name.

    To be used from one thread at a time.
    """

    def receive(self, timeout_s: float) -> Delivery | None:
        """Return the next message, or None if there is none in time.

        Raises:
            TransportUnavailableError: the broker is away; calling again is right, the connection is
                made anew in the background.
            TransportError: the broker refuses; a new subscription is needed.
        """
        ...

    def caught_up(self) -> bool:
        """Whether nothing came later than the message that was returned last, as far as is known.

        Costs nothing; a broker is not asked.
        """
        ...

    def pending(self) -> int:
        """Return how many messages are not acknowledged yet, as far as the broker tells.

        MQTT tells only of those that have come to this receiver.

        Raises:
            TransportUnavailableError: the broker is away.
        """
        ...

    def close(self) -> None:
        """Stop; the broker keeps what is not acknowledged for the next of the same name."""
        ...


class Broker(Protocol):
    """A connection to a message broker, for use from any thread."""

    @property
    def place(self) -> str:
        """Address without credentials, for messages to people."""
        ...

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages in their order, and return when the broker has stored all.

        Publishing a message again, with the same id, is right whenever this raised: the broker or
        the receiver drops the second copy.

        Raises:
            MessageError: one is too large or its subject is wrong; none was published.
            TransportUnavailableError: the broker is away or full; some may be published.
            TransportError: the broker refuses, and will again; some may be published.
        """
        ...

    def subscribe(self, pattern: str, durable: str) -> Subscription:
        """Receive what is published from now on, or since a receiver of this name first came.

        Args:
            pattern: see `reid_tracker.transport.wire.subjects.pattern_of`.
            durable: name of the receiver, 1 to 60 letters, digits, - and _; one at a time.

        Raises:
            TransportUnavailableError: the broker is away.
            TransportError: it refuses.
        """
        ...

    def close(self) -> None:
        """Close the connection and those of all subscriptions."""
        ...


def check_outgoing(messages: Sequence[Outgoing]) -> None:
    """Refuse what no broker is to be asked to take.

    Raises:
        MessageError: a message is too large, or its subject is none.
    """
    for message in messages:
        check_size(message.data)
        parse_subject(message.subject)
        if not (message.message_id.isascii() and message.message_id.isprintable()):
            raise MessageError("message_id: expected printable ASCII, as messages make it")


def check_durable(name: str) -> None:
    """Refuse a name of a receiver that some broker does not take.

    Raises:
        MessageError: it has other letters, or is too long.
    """
    plain = name.replace("-", "a").replace("_", "a")
    if not (plain.isascii() and plain.isalnum() and len(name) <= 60):
        raise MessageError(
            f"durable name {name[:80]!r}: expected 1 to 60 letters, digits, - and _ of ASCII"
        )
