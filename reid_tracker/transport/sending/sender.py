"""Sends messages in the background: first to the disk, then to the broker, as soon as it is there.

Tracking never waits for a disk or a network. Two threads: one stores what came, the other drains
the spool into the broker, so that an unreachable broker does not keep messages from the disk.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reid_tracker.closing import Closing
from reid_tracker.errors import (
    MessageError,
    ReidTrackerError,
    SpoolError,
    TransportError,
    TransportUnavailableError,
)
from reid_tracker.transport.brokers.base import Broker, Outgoing
from reid_tracker.transport.sending.spool import Spool
from reid_tracker.transport.wire.messages import Message

logger = logging.getLogger(__name__)

_MOST_AT_ONCE = 64
_MOST_STORED_AT_ONCE = 256
_LONGEST_WAIT_S = 15.0


class _Numbered(NamedTuple):
    number: int
    message: Outgoing


@dataclass
class SenderCounts:
    """What a sender has done.

    Attributes:
        sent: messages that the broker acknowledged.
        refused: messages that no broker takes, dropped.
        dropped: messages dropped in memory, since the disk could not be written and neither could
            the broker be reached; the spool counts its own.
    """

    sent: int = 0
    refused: int = 0
    dropped: int = 0


class Sender(Closing):
    """A queue before a broker, on the disk where there is a spool.

    Args:
        site: name of the place that the cameras are at.
        open_broker: connects; called in the background, again whenever the broker refused.
        spool: keeps what is not sent; None keeps it in memory only. It is not closed here.
        most_waiting_bytes: most bytes in memory; beyond it the oldest messages are dropped and
            counted. They wait there for the disk, or where there is none for the broker.
        first_wait_s: pause after a failure; it doubles up to a quarter of a minute.
        close_s: time that closing takes at most, where it is not told otherwise.
    """

    def __init__(
        self,
        site: str,
        open_broker: Callable[[], Broker],
        spool: Spool | None = None,
        *,
        most_waiting_bytes: int = 16 * 2**20,
        first_wait_s: float = 0.5,
        close_s: float = 10.0,
    ) -> None:
        self._site, self._open_broker, self._spool = site, open_broker, spool
        self._capacity, self._first_wait_s = most_waiting_bytes, first_wait_s
        self._close_s = close_s
        self._came: deque[_Numbered] = deque()
        self._came_bytes = self._numbers = 0
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._broker: Broker | None = None
        self._at_once = _MOST_AT_ONCE
        self._away = self._disk = ""
        self.counts = SenderCounts()
        work = [self._drain] if spool is None else [self._store, self._drain]
        self._threads = [
            threading.Thread(target=self._guarded, args=(one,), name=f"sender{one.__name__}")
            for one in work
        ]
        for thread in self._threads:
            thread.daemon = True
            thread.start()

    @property
    def pending(self) -> int:
        """Messages that the broker does not have yet."""
        return len(self._came) + (0 if self._spool is None else self._spool.pending)

    @property
    def in_memory(self) -> int:
        """Those of them that are not on the disk either."""
        return len(self._came)

    @property
    def away(self) -> str:
        """Why nothing can be sent now; empty where it can."""
        return self._away

    @property
    def disk(self) -> str:
        """Why nothing can be stored now; empty where it can."""
        return self._disk

    def send(self, message: Message) -> None:
        """Queue a message and return at once.

        Raises:
            MessageError: it is too large.
            TransportError: the sender was closed.
        """
        one = Outgoing.of(message, self._site)
        with self._changed:
            self._raise_failure()
            if self._stop.is_set():
                raise TransportError("the sender was closed")
            self._numbers += 1
            self._came.append(_Numbered(self._numbers, one))
            self._came_bytes += len(one.data)
            self._drop_what_is_too_much()
            self._changed.notify_all()

    def wait_stored(self, timeout_s: float) -> bool:
        """Wait until everything is on the disk or sent; False if it is not in time."""
        return self._wait_until(lambda: not self._came, timeout_s)

    def wait_sent(self, timeout_s: float) -> bool:
        """Wait until the broker has everything; False if it is not in time."""
        return self._wait_until(lambda: not self.pending, timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Store what came, send what can be sent in time, and end the threads.

        Args:
            timeout_s: longest time; None takes `close_s`.

        Raises:
            TransportUnavailableError: messages are neither stored nor sent; they are lost.
        """
        with self._changed:
            self._stop.set()
            self._changed.notify_all()
        deadline = time.monotonic() + (self._close_s if timeout_s is None else timeout_s)
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.1))
        if self._broker is not None:
            self._broker.close()
        with self._changed:
            self._raise_failure()
        if lost := len(self._came):
            why = self._disk or self._away or "the broker did not take them in time"
            raise TransportUnavailableError(f"{lost} messages could not be sent: {why}")

    def _wait_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        with self._changed:
            reached = self._changed.wait_for(lambda: done() or self._failure is not None, timeout_s)
            self._raise_failure()
            return reached

    def _drop_what_is_too_much(self) -> None:
        while self._came_bytes > self._capacity and len(self._came) > 1:
            self._came_bytes -= len(self._came.popleft().message.data)
            self.counts.dropped += 1
            if self.counts.dropped == 1:
                logger.warning("too many messages wait in memory: the oldest are dropped")

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # a value that the caller's next call raises
            with self._changed:
                self._failure = error
                self._stop.set()
                self._changed.notify_all()

    # --- to the disk ---

    def _store(self) -> None:
        wait_s = self._first_wait_s
        while batch := self._next_to_store():
            if self._put(batch):
                wait_s = self._first_wait_s
                self._forget(batch[-1].number)
            elif self._stop.wait(wait_s):
                if self._put(batch):  # the last attempt
                    self._forget(batch[-1].number)
                return
            else:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _next_to_store(self) -> list[_Numbered]:
        """Wait for messages; none where the thread is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._came or self._stop.is_set())
            return list(self._came)[:_MOST_STORED_AT_ONCE]

    def _put(self, batch: Sequence[_Numbered]) -> bool:
        assert self._spool is not None  # noqa: S101 - the thread is not started without one
        try:
            self._spool.put([one.message for one in batch])
        except SpoolError as error:
            self._disk_is(str(error))
            return False
        self._disk_is("")
        return True

    def _disk_is(self, reason: str) -> None:
        """Note whether the disk can be written, and say so once."""
        if reason and not self._disk:
            logger.warning("%s; messages are sent from memory as long as it holds them", reason)
        elif self._disk and not reason:
            logger.warning("messages are stored on the disk again")
        with self._changed:
            self._disk = reason
            self._changed.notify_all()

    def _forget(self, number: int) -> None:
        """Take messages up to a number out of memory; some may have been dropped meanwhile."""
        with self._changed:
            while self._came and self._came[0].number <= number:
                self._came_bytes -= len(self._came.popleft().message.data)
            self._changed.notify_all()

    # --- to the broker ---

    def _drain(self) -> None:
        wait_s = self._first_wait_s
        while self._wait_for_work():
            if self._send_next():
                wait_s = self._first_wait_s
            # What is on the disk can wait for the next start; what is in memory has one more try.
            elif self._stop.wait(wait_s):
                while self._from_memory() and self._came and self._send_next():
                    pass
                return
            else:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _wait_for_work(self) -> bool:
        """Wait for messages to send; False where the thread is to end."""
        with self._changed:
            while not self._has_work():
                if self._stop.is_set() and (self._spool is None or not self._came or self._disk):
                    return False
                self._changed.wait(1.0)
            return True

    def _has_work(self) -> bool:
        if self._spool is not None and self._spool.pending:
            return True
        return bool(self._came) and self._from_memory()

    def _send_next(self) -> bool:
        """Publish the next messages; False if that was not possible."""
        if stored := self._first_stored():
            if not self._publish([one.message for one in stored]):
                return False
            self._remove(stored[-1].number)
        else:
            with self._changed:
                memory = list(self._came)[: self._at_once] if self._from_memory() else []
            if not memory:
                # Nothing, or a disk that cannot be read: then a pause is right.
                return not self._has_work()
            if not self._publish([one.message for one in memory]):
                return False
            self._forget(memory[-1].number)
        with self._changed:
            self._changed.notify_all()
        return True

    def _from_memory(self) -> bool:
        """Tell whether what came is sent without the disk."""
        return self._spool is None or bool(self._disk)

    def _first_stored(self) -> Sequence[_Numbered]:
        if self._spool is None or not self._spool.pending:
            return []
        try:
            return [_Numbered(*one) for one in self._spool.first(self._at_once)]
        except SpoolError as error:
            self._disk_is(str(error))
            return []

    def _remove(self, number: int) -> None:
        assert self._spool is not None  # noqa: S101
        try:
            self._spool.remove(number)
        except SpoolError as error:
            self._disk_is(str(error))

    def _publish(self, batch: Sequence[Outgoing]) -> bool:
        try:
            if self._broker is None:
                self._broker = self._open_broker()
            self._publish_all(self._broker, batch)
        except ReidTrackerError as error:
            self._broker_is_away(error)
            return False
        if self._away:
            logger.warning("the broker is back; %d messages wait for it", self.pending)
        self._away = ""
        self._at_once = min(2 * self._at_once, _MOST_AT_ONCE)
        return True

    def _publish_all(self, broker: Broker, batch: Sequence[Outgoing]) -> None:
        try:
            broker.publish(batch)
            self.counts.sent += len(batch)
        except MessageError:
            for one in batch:
                self._publish_one(broker, one)

    def _publish_one(self, broker: Broker, message: Outgoing) -> None:
        try:
            broker.publish([message])
            self.counts.sent += 1
        except MessageError as error:
            self.counts.refused += 1
            logger.warning("a message is dropped that no broker takes: %s", error)

    def _broker_is_away(self, error: ReidTrackerError) -> None:
        if not self._away or not (_passing(error) or str(error) == self._away):
            logger.warning("%s; tracking goes on, messages are kept and sent later", error)
        self._away = str(error)
        # Over a slow line a smaller part may be acknowledged in time.
        self._at_once = max(self._at_once // 2, 1)
        if self._broker is not None and not _passing(error):
            self._broker.close()
            self._broker = None


def _passing(error: ReidTrackerError) -> bool:
    """Tell whether the connection heals by itself."""
    return isinstance(error, TransportUnavailableError)
