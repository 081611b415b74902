"""A broker inside the process, without a server or a disk; the default on one machine."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from reid_tracker.config.site import TransportConfig
from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.base import Outgoing, check_durable, check_outgoing
from reid_tracker.transport.receiving.dedup import IdWindow
from reid_tracker.transport.wire.subjects import matches


@dataclass
class _Queue:
    """The unacknowledged messages of one durable name; guarded by the broker's lock.

    Attributes:
        waiting: messages to deliver, each with a flag whether it was delivered before.
        unacked: delivered messages by delivery number.
        size: bytes of all messages.
    """

    pattern: str
    waiting: deque[tuple[Outgoing, bool]] = field(default_factory=deque)
    unacked: dict[int, Outgoing] = field(default_factory=dict)
    owner: object | None = None
    delivered: int = 0
    size: int = 0

    def put_back(self) -> None:
        """Deliver unacknowledged messages again, oldest first."""
        self.waiting.extendleft((message, True) for message in reversed(self.unacked.values()))
        self.unacked.clear()


class MemoryBroker:
    """Queues in memory, one for each durable name; see `Broker` for its guarantees.

    As in MQTT, a receiver misses messages that were published before its name first subscribed. A
    full queue refuses new messages.

    Args:
        config: settings.
        capacity_bytes: maximum bytes of unacknowledged messages of one durable name.
    """

    def __init__(
        self, config: TransportConfig | None = None, *, capacity_bytes: int = 64 * 2**20
    ) -> None:
        self._config = config or TransportConfig()
        self._capacity = capacity_bytes
        self._queues: dict[str, _Queue] = {}
        self._seen = IdWindow()
        self._changed = threading.Condition()
        self._closed = False

    @property
    def place(self) -> str:
        """See `Broker`."""
        return "memory"

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Broker`."""
        check_outgoing(messages)
        with self._changed:
            self._refuse_if_closed()
            for message in messages:
                if message.message_id not in self._seen:
                    self._store(message)
                    self._seen.add(message.message_id)
            self._changed.notify_all()

    def _store(self, message: Outgoing) -> None:
        """Put a message into all queues whose pattern matches, or into none if one is full."""
        wanted = [one for one in self._queues.values() if matches(one.pattern, message.subject)]
        if any(queue.size + len(message.data) > self._capacity for queue in wanted):
            raise TransportUnavailableError(
                f"more than {self._capacity} bytes of messages wait in memory"
            )
        for queue in wanted:
            queue.waiting.append((message, False))
            queue.size += len(message.data)

    def subscribe(self, pattern: str, durable: str) -> MemorySubscription:
        """See `Broker`."""
        check_durable(durable)
        with self._changed:
            self._refuse_if_closed()
            queue = self._queues.setdefault(durable, _Queue(pattern))
            if queue.pattern != pattern:
                raise TransportError(
                    f"{durable} receives {queue.pattern}; choose another name for {pattern}"
                )
            queue.put_back()
            subscription = MemorySubscription(self, queue, self._config.max_unacked)
            queue.owner = subscription
            self._changed.notify_all()
            return subscription

    def prepare(self, pattern: str, durable: str) -> None:
        """See `Broker`."""

    def close(self) -> None:
        """See `Broker`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise TransportError("the broker in memory was closed; make a new one")


class MemorySubscription:
    """One receiver of a queue; a newer one of the same name takes its place."""

    def __init__(self, broker: MemoryBroker, queue: _Queue, max_unacked: int) -> None:
        self._broker, self._queue, self._max_unacked = broker, queue, max_unacked

    def receive(self, timeout_s: float) -> MemoryDelivery | None:
        """See `Subscription`."""
        queue, changed = self._queue, self._broker._changed
        deadline = time.monotonic() + timeout_s
        with changed:
            while True:
                self._broker._refuse_if_closed()
                if queue.owner is not self:
                    raise TransportError("the subscription was closed, or another took its name")
                if queue.waiting and len(queue.unacked) < self._max_unacked:
                    message, again = queue.waiting.popleft()
                    queue.delivered += 1
                    queue.unacked[queue.delivered] = message
                    return MemoryDelivery(self, queue.delivered, message, again)
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return None
                changed.wait(left_s)

    def caught_up(self) -> bool:
        """See `Subscription`."""
        with self._broker._changed:
            return not self._queue.waiting

    def pending(self) -> int:
        """See `Subscription`."""
        with self._broker._changed:
            return len(self._queue.waiting) + len(self._queue.unacked)

    def close(self) -> None:
        """See `Subscription`."""
        with self._broker._changed:
            if self._queue.owner is self:
                self._queue.owner = None
                self._queue.put_back()
                self._broker._changed.notify_all()

    def settle(self, number: int, *, stored: bool) -> None:
        """Forget a stored message; deliver any other again."""
        with self._broker._changed:
            message = self._queue.unacked.pop(number, None)
            if message is None:
                return  # settled before, or put back for another receiver
            if stored:
                self._queue.size -= len(message.data)
            else:
                self._queue.waiting.appendleft((message, True))
            self._broker._changed.notify_all()


class MemoryDelivery:
    """See `Delivery`."""

    stored_s = None

    def __init__(
        self, subscription: MemorySubscription, number: int, message: Outgoing, again: bool
    ) -> None:
        self._subscription, self._number = subscription, number
        self.subject, self.data, self.redelivered = message.subject, message.data, again

    def ack(self) -> None:
        """See `Delivery`."""
        self._subscription.settle(self._number, stored=True)

    def nak(self) -> None:
        """See `Delivery`."""
        self._subscription.settle(self._number, stored=False)
