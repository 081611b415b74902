"""Receives messages from any broker: decodes them, drops copies, and counts lost messages.

Malformed messages, and those of another encoder, are counted and acknowledged. Otherwise the broker
would redeliver them for ever, and one faulty host could use up the limited number of unacknowledged
messages.
"""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from reid_tracker.errors import MessageError, MessageVersionError
from reid_tracker.transport.brokers.base import Delivery, Subscription
from reid_tracker.transport.receiving.dedup import GapCounter, IdWindow
from reid_tracker.transport.wire.codec import decode_message
from reid_tracker.transport.wire.messages import Message, TrackletMessage, check_encoder
from reid_tracker.transport.wire.subjects import Subject, belongs, parse_subject

logger = logging.getLogger(__name__)

_WARN_EVERY_S = 3600.0
_MAX_COPIES = 8
_MAX_WARNINGS = 1000


@dataclass
class ReceiverCounts:
    """Counts of a receiver.

    Attributes:
        received: messages returned.
        duplicates: dropped copies.
        refused: messages that are malformed, name a wrong sender, or come from another encoder.
        missing: messages that have not come although later ones of the same sender have.
        refused_by: refused messages by reason: "subject", "version", "content", "sender" or
            "encoder".
        missing_of: missing messages by sender.
    """

    received: int = 0
    duplicates: int = 0
    refused: int = 0
    missing: int = 0
    refused_by: dict[str, int] = field(default_factory=dict)
    missing_of: dict[str, int] = field(default_factory=dict)


class Received:
    """A received message. Call `ack` once its results are stored, or `nak` if that failed.

    Until one of them is called, copies of the message are held back.

    Attributes:
        message: the message.
        subject: where it was published; only the subject names the site.
        stored_s: when the broker stored it, UTC seconds since 1970; None if unknown.
    """

    def __init__(
        self,
        receiver: Receiver,
        message: Message,
        subject: Subject,
        stored_s: float | None = None,
    ) -> None:
        self._receiver = receiver
        self.message, self.subject, self.stored_s = message, subject, stored_s

    def ack(self) -> None:
        """Acknowledge the message; from now on copies of it are dropped."""
        self._receiver._settle(self.message.message_id, stored=True)

    def nak(self) -> None:
        """Report the message as not stored, so that it is delivered again soon."""
        self._receiver._settle(self.message.message_id, stored=False)


class Receiver:
    """Decodes the messages of a subscription; use it from one thread.

    Args:
        subscription: closed together with this receiver.
        encoder: fingerprint and embedding size of the encoder whose embeddings are accepted; size 0
            means that of the first message. None accepts all encoders.
        gaps: count missing messages. This needs a subscription to both tracklets and camera states,
            since they share one sequence of numbers.
        window: maximum number of spans of message numbers to remember, see `IdWindow`.
        clock: seconds, to limit how often warnings are logged.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        encoder: tuple[str, int] | None = None,
        gaps: bool = False,
        window: int = 100_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._subscription = subscription
        self._encoder = encoder
        self._gaps = GapCounter() if gaps else None
        self._stored, self._counted = IdWindow(window), IdWindow(window)
        # All deliveries of each message that is being processed; a broker may deliver it again
        # meanwhile.
        self._open: OrderedDict[str, deque[Delivery]] = OrderedDict()
        self._clock = clock
        self._next_warning: dict[str, float] = {}
        self.counts = ReceiverCounts()

    def receive(self, timeout_s: float) -> Received | None:
        """Return the next message that is not a copy, or None after the timeout.

        Raises:
            TransportUnavailableError: the broker is away; call again.
            TransportError: the broker refuses.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            left_s = deadline - time.monotonic()
            delivery = self._subscription.receive(max(left_s, 0.0))
            if delivery is None:
                return None
            if (received := self._read(delivery)) is not None:
                return received
            if left_s <= 0:
                return None

    def caught_up(self) -> bool:
        """See `Subscription`."""
        return self._subscription.caught_up()

    def pending(self) -> int:
        """See `Subscription`."""
        return self._subscription.pending()

    def close(self) -> None:
        """Stop; unacknowledged messages go to the next receiver."""
        self._subscription.close()

    def _read(self, delivery: Delivery) -> Received | None:
        reason, sender = "subject", ""
        try:
            subject = parse_subject(delivery.subject)
            reason = "content"
            message = decode_message(delivery.data)
            reason = "sender"
            if not belongs(message, subject):
                raise MessageError(f"a message on {delivery.subject} names another sender or kind")
            reason, sender = "encoder", subject.edge
            self._check_encoder(message)
        except MessageError as error:
            if isinstance(error, MessageVersionError):
                reason = "version"
            self._refuse(delivery, error, reason, sender)
            return None
        if message.message_id in self._stored:
            delivery.ack()
            self.counts.duplicates += 1
            return None
        copies = self._open.get(message.message_id)
        if copies is not None:
            # All copies are settled together; if there are very many, only the last ones.
            copies.append(delivery)
            self.counts.duplicates += 1
            return None
        self._open[message.message_id] = deque([delivery], _MAX_COPIES)
        self.counts.received += 1
        # Count each message once, on arrival: callers may acknowledge in another order.
        if message.message_id not in self._counted:
            self._counted.add(message.message_id)
            self._count(message.message_id, again=delivery.redelivered)
        return Received(self, message, subject, delivery.stored_s)

    def _check_encoder(self, message: Message) -> None:
        if self._encoder is None:
            return
        fingerprint, dim = self._encoder
        if not dim and isinstance(message, TrackletMessage):
            dim = message.prototypes.dim
        check_encoder(message, fingerprint, dim)
        self._encoder = fingerprint, dim

    def _settle(self, message_id: str, *, stored: bool) -> None:
        copies = self._open.pop(message_id, None)
        if copies is None:
            return
        if stored:
            self._stored.add(message_id)
            for delivery in copies:
                delivery.ack()
        else:
            for delivery in copies:
                delivery.nak()

    def _count(self, message_id: str, *, again: bool) -> None:
        source, boot, number = message_id.split("/")
        # Messages without a sequence number, such as the last will of a lost host, make no gap.
        if self._gaps is not None and number.isdecimal():
            gap = self._gaps.add(source, boot, int(number), again=again)
            self.counts.missing = self._gaps.missing
            self.counts.missing_of = self._gaps.by_source
            if gap:
                text = "%d messages of %s are missing before number %s"
                self._warn("missing", text, gap, source, number)

    def _refuse(self, delivery: Delivery, error: MessageError, reason: str, sender: str) -> None:
        delivery.ack()
        self.counts.refused += 1
        count = self.counts.refused_by.get(reason, 0) + 1
        self.counts.refused_by[reason] = count
        # Warn about each host with another encoder, since each has to be corrected.
        self._warn(f"{reason} {sender}", "refused a message (%d so far): %s", count, error)

    def _warn(self, about: str, text: str, *values: object) -> None:
        """Warn at most once an hour about the same thing, so that no sender can fill the log."""
        next_s = self._next_warning.pop(about, -math.inf)
        due = self._clock() >= next_s
        self._next_warning[about] = self._clock() + _WARN_EVERY_S if due else next_s
        if len(self._next_warning) > _MAX_WARNINGS:
            del self._next_warning[next(iter(self._next_warning))]
        if due:
            logger.warning(text, *values)
