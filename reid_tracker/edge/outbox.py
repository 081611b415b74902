"""Sends and counts the messages of a camera host."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from reid_tracker.errors import MessageError
from reid_tracker.monitor import Reading
from reid_tracker.transport import Message, Sender, Spool, TrackletMessage

logger = logging.getLogger(__name__)


class Outbox:
    """Passes messages to a sender; messages that are too large are dropped.

    Args:
        sender: sends the messages; the caller closes it.
        spool: the sender's disk buffer, for the metrics.

    Attributes:
        tracklets: number of tracklet messages sent.
        ended: number of those with state "end".
    """

    def __init__(self, sender: Sender, spool: Spool | None = None) -> None:
        self._sender = sender
        self._spool = spool
        self.tracklets = 0
        self.ended = 0

    def send(self, messages: Iterable[Message]) -> list[TrackletMessage]:
        """Send messages; return the tracklet messages that were sent.

        Raises:
            TransportError: the sender was closed.
        """
        sent = []
        for message in messages:
            try:
                self._sender.send(message)
            except MessageError as error:
                logger.warning("dropped a message: %s", error)
                continue
            if isinstance(message, TrackletMessage):
                sent.append(message)
        self.tracklets += len(sent)
        self.ended += sum(message.state == "end" for message in sent)
        return sent

    def details(self) -> dict[str, Any]:
        """Return the state of broker, disk and queue for the status page."""
        return {
            "broker": self._sender.away or "up",
            "disk": self._sender.disk or "up",
            "waiting": self._sender.pending,
        }

    def readings(self) -> Iterator[Reading]:
        """Yield counts and states for `reid_tracker.monitor.Metrics`."""
        yield Reading("tracklets_published_total", self.tracklets)
        yield Reading("messages_sent_total", self._sender.counts.sent)
        yield Reading("broker_up", not self._sender.away)
        yield Reading("memory_messages", self._sender.in_memory)
        if self._spool is not None:
            yield Reading("spool_messages", self._spool.pending)
            yield Reading("spool_bytes", self._spool.pending_bytes)
            lost = self._spool.dropped_full + self._spool.dropped_old
            yield Reading("spool_dropped_total", lost + self._sender.counts.dropped)
