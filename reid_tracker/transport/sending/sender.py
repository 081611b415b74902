"""Sends messages in the background: first to the disk, then to the broker when it is reachable.

Tracking never waits for the disk or the network. One thread stores new messages in the spool,
another sends them from the spool to the broker. So messages reach the disk while the broker is
unreachable.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reid_tracker.closing import Closing
from reid_tracker.errors import SpoolError, TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.base import Broker, Outgoing, new_secret
from reid_tracker.transport.sending.memory_queue import MessageQueue, Numbered
from reid_tracker.transport.sending.publisher import Publisher
from reid_tracker.transport.sending.spool import Spool
from reid_tracker.transport.wire.messages import Message

logger = logging.getLogger(__name__)

_MAX_STORED_AT_ONCE = 256
_LONGEST_WAIT_S = 15.0


@dataclass(frozen=True)
class SenderCounts:
    """Counts of a sender.

    Attributes:
        sent: messages that the broker acknowledged.
        refused: dropped messages that no broker accepts.
        dropped: messages dropped from memory because neither the disk nor the broker took them; the
            spool counts its dropped messages itself.
    """

    sent: int = 0
    refused: int = 0
    dropped: int = 0


class Sender(Closing):
    """Queues messages, on disk if there is a spool, and publishes them.

    Args:
        site: name of the place where the cameras are.
        open_broker: connects; called in the background, and again after the broker has refused.
        spool: keeps messages until they are sent; the caller closes it. None keeps messages in
            memory only.
        max_waiting_bytes: maximum bytes in memory, where messages wait for the disk, or without a
            spool for the broker. When this is full, the oldest messages are dropped and counted.
        first_wait_s: pause after a failure; it doubles at each further failure, up to 15 s.
        close_s: default timeout of `close`.
    """

    def __init__(
        self,
        site: str,
        open_broker: Callable[[], Broker],
        spool: Spool | None = None,
        *,
        max_waiting_bytes: int = 16 * 2**20,
        first_wait_s: float = 0.5,
        close_s: float = 10.0,
    ) -> None:
        self._site = site
        self._secret = new_secret()
        self._spool = spool
        self._first_wait_s = first_wait_s
        self._close_s = close_s
        self._queue = MessageQueue(max_waiting_bytes)
        self._publisher = Publisher(open_broker)
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._disk = ""
        work = [self._drain] if spool is None else [self._store, self._drain]
        self._threads = [
            threading.Thread(
                target=self._guarded, args=(one,), name=f"sender{one.__name__}", daemon=True
            )
            for one in work
        ]
        for thread in self._threads:
            thread.start()

    @property
    def counts(self) -> SenderCounts:
        """Counts so far."""
        return SenderCounts(self._publisher.sent, self._publisher.refused, self._queue.dropped)

    @property
    def pending(self) -> int:
        """Messages that the broker does not have yet."""
        return len(self._queue) + (0 if self._spool is None else self._spool.pending)

    @property
    def in_memory(self) -> int:
        """Messages that neither the broker nor the disk has yet."""
        return len(self._queue)

    @property
    def away(self) -> str:
        """Why nothing can be sent at the moment; empty if messages can be sent."""
        return self._publisher.away

    @property
    def disk(self) -> str:
        """Why nothing can be stored on disk at the moment; empty if messages can be stored."""
        return self._disk

    def send(self, message: Message) -> None:
        """Queue a message and return at once.

        Raises:
            MessageError: the message is too large.
            TransportError: the sender was closed.
        """
        outgoing = Outgoing.of(message, self._site, self._secret)
        with self._queue.changed:
            self._raise_failure()
            if self._stop.is_set():
                raise TransportError("the sender was closed")
            self._queue.put(outgoing)

    def wait_stored(self, timeout_s: float) -> bool:
        """Wait until everything is on the disk or sent; return False after the timeout."""
        return self._wait_until(lambda: not self._queue, timeout_s)

    def wait_sent(self, timeout_s: float) -> bool:
        """Wait until the broker has everything; return False after the timeout."""
        return self._wait_until(lambda: not self.pending, timeout_s)

    def close(self, timeout_s: float | None = None) -> None:
        """Store all messages, send as many as the timeout allows, and end the threads.

        Args:
            timeout_s: timeout in seconds; None takes `close_s`.

        Raises:
            TransportUnavailableError: some messages could be neither stored nor sent, and are lost.
        """
        self._stop.set()
        self._notify()
        deadline = time.monotonic() + (self._close_s if timeout_s is None else timeout_s)
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.1))
        self._publisher.close()
        self._raise_failure()
        if lost := len(self._queue):
            why = self._disk or self.away or "the broker did not acknowledge them in time"
            raise TransportUnavailableError(f"{lost} messages could not be sent: {why}")

    def _wait_until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        with self._queue.changed:
            reached = self._queue.changed.wait_for(
                lambda: done() or self._failure is not None, timeout_s
            )
            self._raise_failure()
            return reached

    def _notify(self) -> None:
        with self._queue.changed:
            self._queue.changed.notify_all()

    def _raise_failure(self) -> None:
        with self._queue.changed:
            if self._failure is not None:
                raise self._failure

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # the next call of a public method raises it
            with self._queue.changed:
                self._failure = error
                self._stop.set()
                self._queue.changed.notify_all()

    # --- to the disk ---

    def _store(self) -> None:
        wait_s = self._first_wait_s
        while batch := self._next_to_store():
            if self._put(batch):
                wait_s = self._first_wait_s
            elif self._stop.wait(wait_s):
                self._put(batch)  # the last attempt
                return
            else:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _next_to_store(self) -> list[Numbered]:
        """Wait for messages; return an empty list when the thread should end."""
        with self._queue.changed:
            self._queue.changed.wait_for(lambda: self._queue or self._stop.is_set())
            return self._queue.first(_MAX_STORED_AT_ONCE)

    def _put(self, batch: Sequence[Numbered]) -> bool:
        assert self._spool is not None  # noqa: S101 - the thread is not started without one
        try:
            self._spool.put([one.message for one in batch])
        except SpoolError as error:
            self._note_disk(str(error))
            return False
        self._note_disk("")
        self._queue.forget(batch[-1].number)
        return True

    def _note_disk(self, reason: str) -> None:
        """Record whether the disk can be written, and log changes."""
        if reason and not self._disk:
            logger.warning(
                "%s; messages are sent from memory until the disk can be used again", reason
            )
        elif self._disk and not reason:
            logger.warning("messages are stored on disk again")
        with self._queue.changed:
            self._disk = reason
            self._queue.changed.notify_all()

    # --- to the broker ---

    def _drain(self) -> None:
        wait_s = self._first_wait_s
        while self._wait_for_work():
            if self._send_next():
                wait_s = self._first_wait_s
            # Messages on the disk can wait for the next start; those in memory get one more try.
            elif self._stop.wait(wait_s):
                while self._from_memory() and self._queue and self._send_next():
                    pass
                return
            else:
                wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def _wait_for_work(self) -> bool:
        """Wait for messages to send; return False when the thread should end."""
        with self._queue.changed:
            while not self._has_work():
                if self._stop.is_set() and (self._spool is None or not self._queue or self._disk):
                    return False
                self._queue.changed.wait(1.0)
            return True

    def _has_work(self) -> bool:
        if self._spool is not None and self._spool.pending:
            return True
        return bool(self._queue) and self._from_memory()

    def _send_next(self) -> bool:
        """Publish the next messages; return False if that failed."""
        batch = stored = self._first_stored()
        if not stored and self._from_memory():
            batch = self._queue.first(self._publisher.at_once)
        if not batch:
            # Nothing to send, or a disk that cannot be read and needs a pause.
            return not self._has_work()
        if not self._publisher.publish([one.message for one in batch], self.pending):
            return False
        if stored:
            self._remove(batch[-1].number)
        else:
            self._queue.forget(batch[-1].number)
        self._notify()
        return True

    def _from_memory(self) -> bool:
        """Return whether messages are sent directly from memory."""
        return self._spool is None or bool(self._disk)

    def _first_stored(self) -> list[Numbered]:
        if self._spool is None or not self._spool.pending:
            return []
        try:
            return self._spool.first(self._publisher.at_once)
        except SpoolError as error:
            self._note_disk(str(error))
            return []

    def _remove(self, number: int) -> None:
        assert self._spool is not None  # noqa: S101
        try:
            self._spool.remove(number)
        except SpoolError as error:
            self._note_disk(str(error))
