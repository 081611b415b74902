"""Receives the messages of one site, checks them, and sorts them by time."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable

from reid_tracker.central.admission import Admission
from reid_tracker.central.clocks import SiteClocks
from reid_tracker.central.presence import HostPresence
from reid_tracker.central.window import TimeWindow
from reid_tracker.config import CentralConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport import (
    Broker,
    CameraMessage,
    EdgeMessage,
    Received,
    Receiver,
    TrackletMessage,
    pattern_of,
)
from reid_tracker.transport.access import listener_name

logger = logging.getLogger(__name__)

_MAX_LISTENERS = 1000


class Intake:
    """Receives the messages of one site's camera hosts; use it from one thread.

    Args:
        site: name of the place.
        broker: where the camera hosts publish.
        encoder: fingerprint and size of embeddings, see `Receiver`.
        config: window and limits.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Raises:
        TransportError: the broker is away or refuses.

    Attributes:
        receiver: reads the subscription.
        presence: which camera hosts are up.
        clocks: corrects times.
        counts: number of messages by kind ("tracklet", "status"), of "late" ones, of refused ones
            by reason (see `admission`), and of those with corrected times ("clock").
        broker_up: whether the broker answered the last request.
    """

    def __init__(
        self,
        site: str,
        broker: Broker,
        encoder: tuple[str, int],
        config: CentralConfig,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._site, self._broker = site, broker
        self._prepared: set[str] = set()
        self._most = config.batch_most
        self._monotonic = monotonic
        self._window: TimeWindow[Received] = TimeWindow(config.window_s)
        self.counts: Counter[str] = Counter()
        self._admission = Admission(site, config, self.counts, monotonic)
        self.clocks = SiteClocks(site, config.ahead_s, self.counts, clock, monotonic)
        self.presence = HostPresence(site, config.edge_gone_s, monotonic)
        self.broker_up = True
        # Receive camera states, too: tracklets and states share the numbers that show missing ones.
        pattern = pattern_of("tracklet", site).removesuffix("tracklet") + "*"
        subscription = broker.subscribe(pattern, durable_name(site))
        self.receiver = Receiver(subscription, encoder=encoder, gaps=True)

    def receive_until(self, end_s: float) -> None:
        """Receive until a time on the monotonic clock, or until the broker is away.

        Raises:
            TransportError: the broker refuses.
        """
        while (left_s := end_s - self._monotonic()) > 0:
            try:
                received = self.receiver.receive(left_s)
            except TransportUnavailableError as error:
                if self.broker_up:
                    logger.warning(
                        "%s; reconnecting; the messages received so far are matched", error
                    )
                self.broker_up = False
                return
            if not self.broker_up:
                logger.warning("the broker is back; site %s continues", self._site)
                self.broker_up = True
            if received is not None:
                self.take(received)
            if received is None or self.receiver.caught_up():
                self.presence.caught_up()

    def take(self, received: Received) -> None:
        """Count a message; queue it if it can be matched, otherwise acknowledge it."""
        self.clocks.correct(received)
        message = received.message
        if isinstance(message, CameraMessage) and not self._admission.admits(message):
            received.ack()
            return
        self.presence.heard(message)
        self._prepare(received.subject.edge)
        if isinstance(message, TrackletMessage):
            self.counts["tracklet"] += 1
            if self._admission.admits(message) and len(message.prototypes):
                if self._window.add(message.end_s, received, self._monotonic()):
                    self.counts["late"] += 1
                return
        elif isinstance(message, CameraMessage | EdgeMessage):
            self.counts["status"] += 1
        received.ack()

    def _prepare(self, edge: str) -> None:
        """Make the broker keep identities for a host, which may have no right to request this."""
        if edge in self._prepared or len(self._prepared) >= _MAX_LISTENERS:
            return
        with contextlib.suppress(TransportUnavailableError):  # retried with its next message
            name = listener_name(self._site, edge)
            self._broker.prepare(pattern_of("identity", self._site), name)
            self._prepared.add(edge)

    def due(self) -> list[Received]:
        """Return the messages that are due for matching, sorted by time."""
        return self._window.take(self._monotonic(), self._most)

    def drain(self) -> list[Received]:
        """Return all waiting messages, sorted by time."""
        return self._window.drain()

    def put_back(self, messages: Iterable[Received]) -> None:
        """Queue messages again that `due` returned but that were not matched."""
        for received in messages:
            self._window.add(end_s_of(received), received, self._monotonic())

    def close(self) -> None:
        """Stop; the broker keeps unacknowledged messages."""
        self.receiver.close()


def durable_name(site: str) -> str:
    """Return the durable name under which the broker remembers a centre's position."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", site):
        return f"reid-central-{site}"
    # The suffix makes the name longer than any plain one, so that the two cannot be equal.
    return f"reid-central-{hashlib.sha256(site.encode()).hexdigest()[:40]}-h"


def end_s_of(received: Received) -> float:
    """Return the end of a received tracklet; -inf for other messages."""
    message = received.message
    return message.end_s if isinstance(message, TrackletMessage) else -math.inf
