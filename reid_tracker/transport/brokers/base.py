"""The interface of a message broker.

Delivery is at least once: a message is delivered until it is acknowledged, so it may come twice.
Messages of one camera are delivered in the order in which they were published, but a redelivered
message may come after later ones.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from reid_tracker.errors import MessageError
from reid_tracker.transport.wire.codec import check_size, encode_message
from reid_tracker.transport.wire.messages import Message
from reid_tracker.transport.wire.subjects import parse_subject, subject_of


class Outgoing(NamedTuple):
    """A message to be published.

    Attributes:
        message_id: unique id. A broker drops messages with an id that it has seen already, so
            nobody else may be able to guess it.
        subject: see `reid_tracker.transport.wire.subjects`.
        data: the bytes that `encode_message` returns.
    """

    message_id: str
    subject: str
    data: bytes

    @classmethod
    def of(cls, message: Message, site: str, secret: str = "") -> Outgoing:
        """Encode a message for a site.

        Args:
            message: the message.
            site: name of the place.
            secret: from `new_secret`, the same for all messages of a sender.

        Raises:
            MessageError: the message is too large.
        """
        message_id = f"{secret}/{message.message_id}" if secret else message.message_id
        return cls(message_id, str(subject_of(message, site)), encode_message(message))


def new_secret() -> str:
    """Return random text that makes ids impossible to guess."""
    return secrets.token_hex(16)


Will = Callable[[], Outgoing]
"""Makes the last will of a connection, which a broker publishes if it loses the client."""


class Delivery(Protocol):
    """A message that the broker has delivered."""

    @property
    def subject(self) -> str:
        """Where it was published."""
        ...

    @property
    def data(self) -> bytes:
        """The unchecked content."""
        ...

    @property
    def redelivered(self) -> bool:
        """Whether it was delivered before, to this or another receiver."""
        ...

    @property
    def stored_s(self) -> float | None:
        """When the broker stored it, UTC seconds since 1970 on its clock; None if unknown."""
        ...

    def ack(self) -> None:
        """Acknowledge the message as processed, so that it is not delivered again.

        This never raises an error. If the broker is away, the message may still come again.
        """
        ...

    def nak(self) -> None:
        """Report the message as not processed, so that it is delivered again soon."""
        ...


class Subscription(Protocol):
    """Receives published messages; the broker remembers the position under a durable name.

    Use it from one thread at a time.
    """

    def receive(self, timeout_s: float) -> Delivery | None:
        """Return the next message, or None after the timeout.

        Raises:
            TransportUnavailableError: the broker is away. It is reconnected in the background; call
                again.
            TransportError: the broker refuses; a new subscription is needed.
        """
        ...

    def caught_up(self) -> bool:
        """Return whether no further message waits, as far as is known without asking the broker.

        This is cheap enough to call after each message.
        """
        ...

    def pending(self) -> int:
        """Return the broker's number of messages that are not acknowledged yet.

        With MQTT, only messages that have reached this receiver are counted.

        Raises:
            TransportUnavailableError: the broker is away.
        """
        ...

    def close(self) -> None:
        """Stop; the broker keeps unacknowledged messages for the next receiver of this name."""
        ...


class Broker(Protocol):
    """A connection to a message broker, for use from any thread."""

    @property
    def place(self) -> str:
        """Address without credentials, for log lines and error messages."""
        ...

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages in this order, and return once the broker has stored all of them.

        If this raises, publish the messages again with the same ids: the broker or the receiver
        drops second copies.

        Raises:
            MessageError: a message is too large or has an invalid subject; none was published.
            TransportUnavailableError: the broker is away or full; some may be published.
            TransportError: the broker refuses permanently; some may be published.
        """
        ...

    def subscribe(self, pattern: str, durable: str) -> Subscription:
        """Receive messages, beginning when a receiver of this name first subscribed.

        Args:
            pattern: see `reid_tracker.transport.wire.subjects.pattern_of`.
            durable: name of the receiver, 1 to 60 letters, digits, - and _. Only one receiver of
                a name may run at a time.

        Raises:
            TransportUnavailableError: the broker is away.
            TransportError: the broker refuses.
        """
        ...

    def prepare(self, pattern: str, durable: str) -> None:
        """Make the broker keep messages for a receiver that has no right to request this itself.

        Only NATS needs this; an MQTT session belongs to its own user.

        Raises:
            TransportError: the broker is away or refuses.
        """
        ...

    def close(self) -> None:
        """Close the connection and those of all subscriptions."""
        ...


def check_outgoing(messages: Sequence[Outgoing]) -> None:
    """Refuse messages that no broker accepts.

    Raises:
        MessageError: a message is too large, or its subject or id is not valid.
    """
    for message in messages:
        check_size(message.data)
        parse_subject(message.subject)
        if not (message.message_id.isascii() and message.message_id.isprintable()):
            raise MessageError("message_id: expected printable ASCII")


def check_durable(name: str) -> None:
    """Refuse the name of a receiver that not every broker accepts.

    Raises:
        MessageError: the name has other characters, or is too long.
    """
    plain = name.replace("-", "a").replace("_", "a")
    if not (plain.isascii() and plain.isalnum() and len(name) <= 60):
        raise MessageError(
            f"durable name {name[:80]!r}: expected 1 to 60 ASCII letters, digits, - and _"
        )
