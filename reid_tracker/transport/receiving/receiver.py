"""Receives messages from any broker: decodes them, drops copies, and counts losses.

Malformed messages, and those of another encoder, are counted and acknowledged. Otherwise they would
come again for ever, and as a broker has few places for unacknowledged messages, those of one host
could take all of them.
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
_MOST_COPIES = 8
_MOST_WARNINGS = 1000


@dataclass
class ReceiverCounts:
    """Counts of a receiver.

    Attributes:
        received: messages returned.
        duplicates: copies that were dropped.
        refused: messages that cannot be read, name a wrong sender, or come from another encoder.
        missing: messages that never came although later ones of the same sender did.
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
    """A received message; to be acknowledged once its results are stored.

    Each one must be settled, with `ack` or `nak`: until then copies of it are held back.

    Attributes:
        message: the message.
        subject: where it was published; only the subject names the site.
        stored_s: when the broker stored it, UTC seconds since 1970; None if it is unknown.
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
        """Report it as stored: from now on copies of it are dropped."""
        self._receiver._settle(self.message.message_id, stored=True)

    def nak(self) -> None:
        """Report it as not stored: it is delivered again soon."""
        self._receiver._settle(self.message.message_id, stored=False)


class Receiver:
    """Reads a subscription; to be used from one thread.

    Args:
        subscription: is closed with this.
        encoder: fingerprint and size of the embeddings that can be compared; None accepts all.
            Size 0 takes that of the first message.
        gaps: count missing messages; only if all messages of the senders come here, since
            tracklets and camera states share one count.
        window: most spans of message numbers to remember, see `IdWindow`.
        clock: seconds; limits how often warnings are logged.
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
        # Deliveries of each message that is not settled: a broker may deliver it again while it is
        # being processed.
        self._open: OrderedDict[str, deque[Delivery]] = OrderedDict()
        self._clock = clock
        self._next_warning: dict[str, float] = {}
        self.counts = ReceiverCounts()

    def receive(self, timeout_s: float) -> Received | None:
        """Return the next message that is no copy, or None if there is none in time.

        Raises:
            TransportUnavailableError: the broker is away; call again.
            TransportError: it refuses.
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
            known = isinstance(error, MessageVersionError)
            self._refuse(delivery, error, "version" if known else reason, sender)
            return None
        if message.message_id in self._stored:
            delivery.ack()
            self.counts.duplicates += 1
            return None
        copies = self._open.get(message.message_id)
        if copies is not None:
            # Settling the first copy settles all; of very many the last are enough.
            copies.append(delivery)
            self.counts.duplicates += 1
            return None
        self._open[message.message_id] = deque([delivery], _MOST_COPIES)
        self.counts.received += 1
        # Once, and in the order of arrival: acknowledgements come in the caller's order.
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
        # A message outside the count, such as a broker's report of a lost host, makes no gap.
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
        # Each host with another encoder is named, since somebody has to correct each.
        self._warn(f"{reason} {sender}", "a message was refused (%d so far): %s", count, error)

    def _warn(self, about: str, text: str, *values: object) -> None:
        """Warn once an hour about each thing, so that a bad sender cannot fill the log."""
        next_s = self._next_warning.pop(about, -math.inf)
        due = self._clock() >= next_s
        self._next_warning[about] = self._clock() + _WARN_EVERY_S if due else next_s
        if len(self._next_warning) > _MOST_WARNINGS:
            del self._next_warning[next(iter(self._next_warning))]
        if due:
            logger.warning(text, *values)
