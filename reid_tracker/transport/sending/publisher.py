"""Publishes messages, reconnects after refusals, and records why the broker is unavailable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from reid_tracker.errors import MessageError, ReidTrackerError, TransportUnavailableError
from reid_tracker.transport.brokers.base import Broker, Outgoing

logger = logging.getLogger(__name__)

_MAX_AT_ONCE = 64


class Publisher:
    """A connection to a broker that is opened when it is first needed; use it from one thread.

    Args:
        open_broker: connects; called again after the broker has refused.

    Attributes:
        away: why nothing can be sent at the moment; empty if messages can be sent. Any thread may
            read it.
        at_once: messages to publish in one call; halved after a failure, since over a slow line a
            smaller batch may be acknowledged in time.
        sent: number of messages that the broker acknowledged.
        refused: number of dropped messages that no broker accepts.
    """

    def __init__(self, open_broker: Callable[[], Broker]) -> None:
        self._open_broker = open_broker
        self._broker: Broker | None = None
        self.away = ""
        self.at_once = _MAX_AT_ONCE
        self.sent = 0
        self.refused = 0

    def publish(self, batch: Sequence[Outgoing], waiting: int) -> bool:
        """Publish messages in this order; return False if that failed.

        Args:
            batch: the messages.
            waiting: number of waiting messages, for the log.
        """
        try:
            if self._broker is None:
                self._broker = self._open_broker()
            self._publish_all(self._broker, batch)
        except ReidTrackerError as error:
            self._note(error)
            return False
        if self.away:
            logger.warning("the broker is back; %d messages wait for it", waiting)
        self.away = ""
        self.at_once = min(2 * self.at_once, _MAX_AT_ONCE)
        return True

    def close(self) -> None:
        """Close the connection if it is open."""
        if self._broker is not None:
            self._broker.close()

    def _publish_all(self, broker: Broker, batch: Sequence[Outgoing]) -> None:
        try:
            broker.publish(batch)
            self.sent += len(batch)
        except MessageError as error:
            if len(batch) > 1:
                for one in batch:
                    self._publish_all(broker, [one])
            else:
                self.refused += 1
                logger.warning("dropped a message that no broker accepts: %s", error)

    def _note(self, error: ReidTrackerError) -> None:
        reconnects = isinstance(error, TransportUnavailableError)  # without a new broker
        if not self.away or not (reconnects or str(error) == self.away):
            logger.warning("%s; tracking continues, and messages are kept and sent later", error)
        self.away = str(error)
        self.at_once = max(self.at_once // 2, 1)
        if not reconnects:
            self.close()
            self._broker = None
