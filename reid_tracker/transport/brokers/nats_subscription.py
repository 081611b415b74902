"""Receives from a durable NATS consumer: prefetches, and acknowledges messages in batches."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reid_tracker.transport.brokers.event_loop import LoopThread
from reid_tracker.transport.brokers.nats_errors import is_gone

if TYPE_CHECKING:
    from nats.aio.msg import Msg

_FETCH_AT_ONCE = 256
_LONGEST_FETCH_S = 2.0
_SHORTEST_FETCH_S = 0.1
_GRACE_S = 1.0
_REDELIVER_AFTER_S = 0.5


class NatsSubscription:
    """One receiver of a durable consumer; see `Subscription`.

    After a full fetch more messages probably wait, so the next fetch runs while these are
    processed.

    Args:
        pull: the library's pull subscription.
        loop: the event loop of the connection.
        most: maximum number of unacknowledged messages.
        run: runs a coroutine with the connection's timeout, and translates errors.
        translate: turns an error of the library into one of this package.
        check: raises an error if the server is known to be away.
        renew: creates the subscription again, with its stream and consumer on the server.
    """

    def __init__(
        self,
        pull: Any,
        loop: LoopThread,
        *,
        most: int,
        run: Callable[[Any], Any],
        translate: Callable[[Exception], Exception],
        check: Callable[[], None],
        renew: Callable[[], Any],
    ) -> None:
        self._pull, self._loop = pull, loop
        self._at_once = min(_FETCH_AT_ONCE, most)
        self._run, self._translate, self._check = run, translate, check
        self._renew, self._gone = renew, False
        self._acks = _Acknowledgements(loop)
        self._fetched: deque[Msg] = deque()
        self._prefetch: concurrent.futures.Future[list[Msg]] | None = None
        self._behind = 0  # messages in the stream after the one that was returned last

    def receive(self, timeout_s: float) -> NatsDelivery | None:
        """See `Subscription`."""
        deadline = time.monotonic() + timeout_s
        while not self._fetched:
            left_s = deadline - time.monotonic()
            self._fetch(min(max(left_s, _SHORTEST_FETCH_S), _LONGEST_FETCH_S))
            if not self._fetched and time.monotonic() >= deadline:
                return None
        message = self._fetched.popleft()
        self._behind = message.metadata.num_pending
        return NatsDelivery(self._loop, self._acks, message)

    def _fetch(self, timeout_s: float) -> None:
        if self._gone:
            self._pull = self._renew()
            self._gone = False
        fetching, self._prefetch = self._prefetch, None
        if fetching is None:
            fetching = self._start(timeout_s)
        try:
            messages = self._loop.wait(fetching, timeout_s + _GRACE_S)
            self._fetched.extend(messages)
        except TimeoutError:
            self._check()
        except Exception as error:
            self._gone = is_gone(error)
            raise self._translate(error) from None
        if len(self._fetched) >= self._at_once:
            self._prefetch = self._start(_SHORTEST_FETCH_S)

    def _start(self, timeout_s: float) -> concurrent.futures.Future[list[Msg]]:
        return self._loop.start(self._pull.fetch(self._at_once, timeout=timeout_s))

    def caught_up(self) -> bool:
        """See `Subscription`."""
        return not self._fetched and self._behind == 0

    def pending(self) -> int:
        """See `Subscription`."""
        self._check()
        info = self._run(self._pull.consumer_info())
        return int(info.num_pending or 0) + int(info.num_ack_pending or 0)

    def close(self) -> None:
        """See `Subscription`."""
        if self._prefetch is not None:
            with contextlib.suppress(Exception):
                messages = self._loop.wait(self._prefetch, _SHORTEST_FETCH_S + _GRACE_S)
                self._fetched.extend(messages)
            self._prefetch = None
        for message in self._fetched:
            self._loop.start(message.nak())
        self._fetched.clear()
        with contextlib.suppress(Exception):
            self._loop.run(self._acks.send(), 1)
        with contextlib.suppress(Exception):
            self._loop.run(self._pull.unsubscribe(), 1)


class NatsDelivery:
    """See `Delivery`."""

    def __init__(self, loop: LoopThread, acks: _Acknowledgements, message: Msg) -> None:
        self._loop, self._acks, self._message = loop, acks, message
        self.subject, self.data = message.subject, message.data
        metadata = message.metadata
        self.redelivered = metadata.num_delivered > 1
        self.stored_s = metadata.timestamp.timestamp()

    def ack(self) -> None:
        """See `Delivery`."""
        self._acks.add(self._message)

    def nak(self) -> None:
        """See `Delivery`."""
        self._loop.start(self._message.nak(delay=_REDELIVER_AFTER_S))


class _Acknowledgements:
    """Sends acknowledgements in order, all that are waiting at once."""

    def __init__(self, loop: LoopThread) -> None:
        self._loop = loop
        self._waiting: deque[Msg] = deque()
        self._sending = False

    def add(self, message: Msg) -> None:
        """Acknowledge a message in the background."""
        self._waiting.append(message)
        if not self._sending:
            self._sending = True
            self._loop.start(self.send())

    async def send(self) -> None:
        """Send the waiting acknowledgements."""
        self._sending = False  # a later `add` starts another round
        while self._waiting:
            message = self._waiting.popleft()
            with contextlib.suppress(Exception):  # an unacknowledged message is redelivered
                await message.ack()
