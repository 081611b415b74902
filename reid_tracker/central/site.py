"""One site of the centre: receives tracklets of its camera hosts and identifies people.

A message is acknowledged once its results are in the gallery. If the centre ends before that, the
broker redelivers the message, and the centre recognises its tracklet.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Sequence

from reid_tracker.central.intake import Intake, end_s_of
from reid_tracker.central.matcher import Matching, Outcome
from reid_tracker.central.recognise import AskingTime
from reid_tracker.central.recording import Observe, Recording
from reid_tracker.config import CentralConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import Broker, IdentityMessage, Outgoing, Received, TrackletMessage
from reid_tracker.transport.brokers.base import new_secret

_PENDING_EVERY_S = 5.0
_MAX_AT_ONCE = 256


class CentralSite:
    """One site of a centre; use it from one thread.

    Args:
        site: name of the place.
        broker: broker to which the camera hosts of the site publish.
        store: the gallery.
        matching: how tracklets are compared.
        config: window, batches and limits.
        observe: called with durations.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Raises:
        TransportError: the broker is away or refuses.
        StoreError: the gallery is away or refuses.

    Attributes:
        name: name of the place.
        intake: receives messages of camera hosts.
        recording: matches tracklets and stores the results.
        pending: number of messages in the broker a few seconds ago.
        identities: number of identities in the matcher's memory a few seconds ago.
    """

    def __init__(
        self,
        site: str,
        broker: Broker,
        store: GalleryStore,
        matching: Matching,
        *,
        config: CentralConfig | None = None,
        observe: Observe = lambda name, seconds: None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = site
        self._broker = broker
        self._config = config or CentralConfig()
        self._observe = observe
        self._clock = clock
        self._monotonic = monotonic
        self._secret = new_secret()
        self._outbox: deque[IdentityMessage] = deque()
        self._pending_at_s = -math.inf
        self.pending = 0
        self.identities = 0
        asking = (matching.asking or AskingTime()) if self._config.recognise else None
        self.recording = Recording(
            site,
            store,
            matching._replace(asking=asking),
            self._settle,
            observe=observe,
            clock=clock,
            monotonic=monotonic,
        )
        encoder = (matching.model, matching.dim)
        self.intake = Intake(site, broker, encoder, self._config, clock=clock, monotonic=monotonic)

    def turn(self, timeout_s: float) -> None:
        """Receive messages until the timeout; then match, store, publish and acknowledge.

        While the gallery is away, messages stay in the broker.

        Raises:
            TransportError: the broker refuses.
            StoreError: the gallery refuses.
        """
        end_s = self._monotonic() + timeout_s
        if self.recording.ready():
            self.intake.receive_until(end_s)
            self._match(self.intake.due())
        self._publish()
        self._update_counts()
        left_s = end_s - self._monotonic()
        if left_s > 0 and not (self.intake.broker_up and self.recording.gallery_up):
            time.sleep(left_s)

    def finish(self) -> None:
        """Match and store waiting messages; the broker gets undecided and unstored ones back."""
        if self.recording.ready():
            self._match(self.intake.drain())
        self._publish()
        self._give_back([*self.intake.drain(), *self.recording.unsettled()])
        self.intake.close()

    def _match(self, due: Sequence[Received]) -> None:
        """Match messages in batches by time, as if none had been delayed.

        A tracklet is compared with those of earlier batches, not with those of its own batch.
        """
        batches = batches_by_time(due, self._config.batch_s) or [[]]
        for number, batch in enumerate(batches):
            self.recording.match(batch)
            if not self.recording.gallery_up:
                if self.recording.matcher is None:  # a new matcher gets all again, in order
                    self._give_back(self.intake.drain())
                self.intake.put_back(one for later in batches[number + 1 :] for one in later)
                return

    def _settle(self, outcome: Outcome) -> None:
        """Publish the identities that are now stored, then acknowledge their messages."""
        self._outbox.extend(outcome.messages)
        self._publish()
        for received in outcome.settled:
            received.ack()
            message = received.message
            if isinstance(message, TrackletMessage) and message.clock != "file":
                self._observe("message_age_seconds", max(self._clock() - message.end_s, 0.0))

    def _publish(self) -> None:
        """Publish waiting identities for camera hosts; keep them while the broker is away."""
        while self._outbox:
            count = min(_MAX_AT_ONCE, len(self._outbox))
            some = [self._outbox[index] for index in range(count)]
            try:
                self._broker.publish(
                    [Outgoing.of(message, self.name, self._secret) for message in some]
                )
            except TransportUnavailableError:
                return
            for _ in some:
                self._outbox.popleft()

    def _update_counts(self) -> None:
        if self._monotonic() >= self._pending_at_s:
            self._pending_at_s = self._monotonic() + _PENDING_EVERY_S
            matcher = self.recording.matcher
            self.identities = 0 if matcher is None else matcher.identities
            with contextlib.suppress(TransportUnavailableError):
                self.pending = self.intake.receiver.pending()

    @staticmethod
    def _give_back(held: Sequence[Received]) -> None:
        """Make the broker redeliver messages soon."""
        for received in held:
            received.nak()


def batches_by_time(ordered: Sequence[Received], span_s: float) -> list[list[Received]]:
    """Split tracklet messages, sorted by time, into batches that span at most `span_s`."""
    batches: list[list[Received]] = []
    start_s = math.inf
    for received in ordered:
        # A late message comes first and joins the batch that follows.
        if not batches or end_s_of(received) > start_s + span_s:
            batches.append([])
            start_s = end_s_of(received)
        batches[-1].append(received)
    return batches
