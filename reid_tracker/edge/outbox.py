"""The messages of a camera host on their way out: sends and counts them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from reid_tracker.errors import MessageError
from reid_tracker.monitor import Reading
from reid_tracker.transport import Message, Sender, Spool, TrackletMessage

logger = logging.getLogger(__name__)


class Outbox:
    """Hands messages to a sender; a message that does not fit the wire is left out.

    Args:
        sender: takes the messages; not closed here.
        spool: the sender's disk buffer, for its readings.

    Attributes:
        tracklets: tracklet messages sent.
        ended: those of them that ended a tracklet.
    """

    def __init__(self, sender: Sender, spool: Spool | None = None) -> None:
        self._sender = sender
        self._spool = spool
        self.tracklets = 0
        self.ended = 0

    def send(self, messages: Iterable[Message]) -> list[TrackletMessage]:
        """Send messages and return the tracklet messages among them.

        Raises:
            TransportError: the sender was closed.
        """
        sent = []
        for message in messages:
            try:
                self._sender.send(message)
            except MessageError as error:
                logger.warning("a message is left out: %s", error)
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
