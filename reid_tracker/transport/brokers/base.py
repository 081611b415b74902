"""The interface of a message broker.

A message is delivered until it is acknowledged, so it may come twice. Messages of one camera are
delivered in the order in which they were published; one that is delivered again may come after
later ones.
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
        message_id: text that no other message has; it identifies a second copy. A broker drops a
            message whose id it has seen, so others must not be able to guess it.
        subject: where it goes, see `reid_tracker.transport.wire.subjects`.
        data: from `encode_message`.
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
            secret: of `new_secret`, the same for all messages of a sender; copies of a message keep
                the id that they were given first.

        Raises:
            MessageError: it is too large.
        """
        message_id = f"{secret}/{message.message_id}" if secret else message.message_id
        return cls(message_id, str(subject_of(message, site)), encode_message(message))


def new_secret() -> str:
    """Return the part of message ids that nobody else can guess."""
    return secrets.token_hex(16)


Will = Callable[[], Outgoing]
"""Makes the message that a broker publishes if it loses a client, for one connection."""


class Delivery(Protocol):
    """A message that the broker has delivered."""

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
        """Whether it was delivered before, to this or another receiver."""
        ...

    @property
    def stored_s(self) -> float | None:
        """When the broker stored it, UTC seconds since 1970 on its clock; None if it is unknown."""
        ...

    def ack(self) -> None:
        """Report it as stored, so that it is not delivered again.

        If the broker is away it may still come again; this raises nothing.
        """
        ...

    def nak(self) -> None:
        """Report it as not stored, so that it is delivered again soon."""
        ...


class Subscription(Protocol):
    """Receives published messages; the broker remembers its position under a durable name.

    To be used from one thread at a time.
    """

    def receive(self, timeout_s: float) -> Delivery | None:
        """Return the next message, or None if there is none in time.

        Raises:
            TransportUnavailableError: the broker is away; call again, it connects again in the
                background.
            TransportError: the broker refuses; a new subscription is needed.
        """
        ...

    def caught_up(self) -> bool:
        """Tell whether no message waits after the one returned last, as far as is known.

        The broker is not asked, so this costs nothing.
        """
        ...

    def pending(self) -> int:
        """Return the number of messages that are not acknowledged yet, as far as the broker knows.

        MQTT counts only those that have come to this receiver.

        Raises:
            TransportUnavailableError: the broker is away.
        """
        ...

    def close(self) -> None:
        """Stop; the broker keeps unacknowledged messages for the next receiver of the same name."""
        ...


class Broker(Protocol):
    """A connection to a message broker, for use from any thread."""

    @property
    def place(self) -> str:
        """Address without credentials, for messages to people."""
        ...

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish messages in their order, and return once the broker has stored all.

        If this raises, publish the messages again with the same ids: the broker or the receiver
        drops second copies.

        Raises:
            MessageError: one is too large or its subject is wrong; none was published.
            TransportUnavailableError: the broker is away or full; some may be published.
            TransportError: the broker refuses, and will again; some may be published.
        """
        ...

    def subscribe(self, pattern: str, durable: str) -> Subscription:
        """Receive messages from now on, or since a receiver of this name first subscribed.

        Args:
            pattern: see `reid_tracker.transport.wire.subjects.pattern_of`.
            durable: name of the receiver, 1 to 60 letters, digits, - and _; one at a time.

        Raises:
            TransportUnavailableError: the broker is away.
            TransportError: it refuses.
        """
        ...

    def prepare(self, pattern: str, durable: str) -> None:
        """Keep messages for a receiver that has no right to ask for that itself.

        Only NATS needs it; sessions of MQTT belong to their users.

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
            raise MessageError("message_id: expected printable ASCII, as messages make it")


def check_durable(name: str) -> None:
    """Refuse the name of a receiver if some broker would not accept it.

    Raises:
        MessageError: it has other characters, or is too long.
    """
    plain = name.replace("-", "a").replace("_", "a")
    if not (plain.isascii() and plain.isalnum() and len(name) <= 60):
        raise MessageError(
            f"durable name {name[:80]!r}: expected 1 to 60 letters, digits, - and _ of ASCII"
        )
