"""Receives messages: decodes them, drops copies and what is none, and counts losses.

The same for all brokers. What cannot be read is acknowledged, lest it comes for ever, and counted.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from reid_tracker.errors import MessageError
from reid_tracker.transport.broker import Delivery, Subscription
from reid_tracker.transport.codec import decode_message
from reid_tracker.transport.dedup import GapCounter, IdWindow
from reid_tracker.transport.messages import Message, check_encoder
from reid_tracker.transport.subjects import Subject, belongs, parse_subject

logger = logging.getLogger(__name__)

_WARN_EVERY_S = 10.0
_MOST_COPIES = 8


@dataclass
class ReceiverCounts:
    """What a receiver has seen.

    Attributes:
        received: messages handed out.
        duplicates: copies that were dropped.
        refused: messages that cannot be read, lie about their sender, or are of another encoder.
        missing: messages that were never seen though later ones of the same sender were.
    """

    received: int = 0
    duplicates: int = 0
    refused: int = 0
    missing: int = 0


class Received:
    """A message that was handed out; to be acknowledged when what follows from it is stored.

    Each one must be settled, with `ack` or `nak`: until then copies of it are held back.

    Attributes:
        message: what was sent.
        subject: where it was published; its site stands only there.
    """

    def __init__(self, receiver: Receiver, message: Message, subject: Subject) -> None:
        self._receiver = receiver
        self.message, self.subject = message, subject

    def ack(self) -> None:
        """Say that it is stored: from now on copies of it are dropped."""
        self._receiver._settle(self.message.message_id, stored=True)

    def nak(self) -> None:
        """Say that it could not be stored: it comes again soon."""
        self._receiver._settle(self.message.message_id, stored=False)


class Receiver:
    """Reads a subscription; to be used from one thread.

    Args:
        subscription: is closed with this.
        encoder: fingerprint and size of the embeddings that can be compared; None takes all.
        gaps: count missing messages; only where all messages of the senders come here, since one
            count goes over tracklets and states of cameras.
        window: most ids of messages that are remembered to know copies.
        clock: seconds, for how often is warned.
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
        self._stored = IdWindow(window)
        # Handed out and not settled: the deliveries of each, since a broker may deliver it again
        # while it is being worked on.
        self._open: OrderedDict[str, deque[Delivery]] = OrderedDict()
        self._clock = clock
        self._next_warning = -float("inf")
        self.counts = ReceiverCounts()

    def receive(self, timeout_s: float) -> Received | None:
        """Return the next message that did not come before, or None if there is none in time.

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

    def pending(self) -> int:
        """See `Subscription`."""
        return self._subscription.pending()

    def close(self) -> None:
        """Stop; what is not acknowledged comes to the next receiver."""
        self._subscription.close()

    def _read(self, delivery: Delivery) -> Received | None:
        try:
            subject = parse_subject(delivery.subject)
            message = decode_message(delivery.data)
            if not belongs(message, subject):
                raise MessageError(f"a message on {delivery.subject} is of another sender or kind")
            if self._encoder is not None:
                check_encoder(message, *self._encoder)
        except MessageError as error:
            self._refuse(delivery, error)
            return None
        if message.message_id in self._stored:
            delivery.ack()
            self.counts.duplicates += 1
            return None
        copies = self._open.get(message.message_id)
        if copies is not None:
            # The one handed out decides for all; of very many the last are enough.
            copies.append(delivery)
            self.counts.duplicates += 1
            return None
        self._open[message.message_id] = deque([delivery], _MOST_COPIES)
        self.counts.received += 1
        return Received(self, message, subject)

    def _settle(self, message_id: str, *, stored: bool) -> None:
        copies = self._open.pop(message_id, None)
        if copies is None:
            return
        if stored:
            self._stored.add(message_id)
            self._count(message_id)
            for delivery in copies:
                delivery.ack()
        else:
            for delivery in copies:
                delivery.nak()

    def _count(self, message_id: str) -> None:
        if self._gaps is not None:
            source, boot, number = message_id.split("/")
            gap = self._gaps.add(source, boot, int(number))
            self.counts.missing = self._gaps.missing
            if gap:
                self._warn("%d messages of %s are missing before number %s", gap, source, number)

    def _refuse(self, delivery: Delivery, error: MessageError) -> None:
        delivery.ack()
        self.counts.refused += 1
        self._warn("a message was refused (%d so far): %s", self.counts.refused, error)

    def _warn(self, text: str, *values: object) -> None:
        """Warn now and then: who sends nonsense must not fill the disk with it."""
        if self._clock() >= self._next_warning:
            self._next_warning = self._clock() + _WARN_EVERY_S
            logger.warning(text, *values)
