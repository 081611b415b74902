"""Receives the centre's identities in a background thread, so that frames never wait for them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from reid_tracker.closing import Closing
from reid_tracker.errors import ReidTrackerError, TransportUnavailableError
from reid_tracker.run.known import KnownIdentities
from reid_tracker.transport import Broker, IdentityMessage, Receiver, pattern_of
from reid_tracker.transport.access import listener_name

logger = logging.getLogger(__name__)

_RECEIVE_S = 0.5
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 15.0
_CLOSE_S = 3.0
_MOST_IDS = 10_000


class IdentityListener(Closing):
    """Receives the identities of a site.

    The broker remembers how far this host has read, and delivers the rest after an outage or a
    restart.

    Args:
        site: name of the place.
        edge: name of this host.
        open_broker: connects; called in the background, and again after the broker has refused.
        known: receives the identities.
    """

    def __init__(
        self, site: str, edge: str, open_broker: Callable[[], Broker], known: KnownIdentities
    ) -> None:
        self._site = site
        self._name = listener_name(site, edge)
        self._open_broker = open_broker
        self._known = known
        self._stop = threading.Event()
        self._wait_s = _FIRST_WAIT_S
        self._away = "not connected yet"
        self._thread = threading.Thread(target=self._run, name="identities", daemon=True)
        self._thread.start()

    @property
    def away(self) -> str:
        """Why nothing can be received at the moment; empty if the broker is connected."""
        return self._away

    def close(self) -> None:
        """Stop; the broker keeps further messages for the next start."""
        self._stop.set()
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except ReidTrackerError as error:
                self._lost(error)
            except Exception as error:  # a thread must not die silently
                logger.exception("receiving identities failed; trying again")
                self._away = f"{type(error).__name__}: {error}"
            self._stop.wait(self._wait_s)
            self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)

    def _listen(self) -> None:
        """Receive until `close` is called or the broker refuses."""
        broker = self._open_broker()
        try:
            subscription = broker.subscribe(pattern_of("identity", self._site), self._name)
            receiver = Receiver(subscription, window=_MOST_IDS)
            try:
                while not self._stop.is_set():
                    self._receive(receiver)
            finally:
                receiver.close()
        finally:
            broker.close()

    def _receive(self, receiver: Receiver) -> None:
        try:
            received = receiver.receive(_RECEIVE_S)
        except TransportUnavailableError as error:  # the broker object reconnects by itself
            self._lost(error)
            self._stop.wait(_FIRST_WAIT_S)
            return
        self._wait_s = _FIRST_WAIT_S
        self._away = ""
        if received is not None:
            if isinstance(received.message, IdentityMessage):
                self._known.take(received.message)
            received.ack()

    def _lost(self, error: ReidTrackerError) -> None:
        if str(error) != self._away:
            logger.info("%s; the identities of the centre will arrive later", error)
        self._away = str(error)
