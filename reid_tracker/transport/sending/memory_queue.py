"""The queue of messages that wait in memory, shared by the threads of a sender."""

from __future__ import annotations

import itertools
import logging
import threading
from collections import deque
from typing import NamedTuple

from reid_tracker.transport.brokers.base import Outgoing

logger = logging.getLogger(__name__)


class Numbered(NamedTuple):
    """A waiting message with its number; later messages have higher numbers."""

    number: int
    message: Outgoing


class MessageQueue:
    """A bounded queue: when it is full, the oldest messages are dropped.

    Args:
        capacity_bytes: maximum bytes of messages; the newest message is always kept.

    Attributes:
        changed: notified after every change; guards the queue and the state of the sender.
        dropped: messages dropped so far.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._messages: deque[Numbered] = deque()
        self._bytes = 0
        self._numbers = itertools.count(1)
        self.changed = threading.Condition()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, message: Outgoing) -> None:
        """Add a message; drop the oldest ones that no longer fit."""
        with self.changed:
            self._messages.append(Numbered(next(self._numbers), message))
            self._bytes += len(message.data)
            while self._bytes > self._capacity_bytes and len(self._messages) > 1:
                self._drop_first()
                self.dropped += 1
                if self.dropped == 1:
                    logger.warning("too many messages wait in memory; the oldest are dropped")
            self.changed.notify_all()

    def first(self, count: int) -> list[Numbered]:
        """Return the oldest messages, at most `count`."""
        with self.changed:
            return list(itertools.islice(self._messages, count))

    def forget(self, number: int) -> None:
        """Remove all messages up to a number."""
        with self.changed:
            while self._messages and self._messages[0].number <= number:
                self._drop_first()
            self.changed.notify_all()

    def _drop_first(self) -> None:
        self._bytes -= len(self._messages.popleft().message.data)
