"""The centre: takes tracklets of many hosts, matches them across cameras, tells who is who.

A message is acknowledged when all that follows from it is in the gallery. Whatever ends in between,
the broker hands it out again, and it is known by its tracklet.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from reid_tracker.central.admission import Admission
from reid_tracker.central.presence import HostPresence
from reid_tracker.central.recognise import AskingTime
from reid_tracker.central.site import NewMatcher, Outcome, SiteMatcher
from reid_tracker.central.window import TimeWindow
from reid_tracker.config import CentralConfig
from reid_tracker.errors import StoreUnavailableError, TransportUnavailableError
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    Broker,
    CameraMessage,
    EdgeMessage,
    IdentityMessage,
    Outgoing,
    Received,
    Receiver,
    TrackletMessage,
    pattern_of,
)

logger = logging.getLogger(__name__)

Observe = Callable[[str, float], None]
"""Takes the name of a histogram and seconds."""

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0
_PENDING_EVERY_S = 5.0
_MOST_AT_ONCE = 256


class CentralSite:
    """One site of a centre; to be used from one thread.

    Args:
        site: name of the place.
        broker: where its cameras' hosts publish.
        store: the gallery.
        model: fingerprint of the encoder whose embeddings are compared.
        new_matcher: makes the matcher.
        config: window, batches.
        dim: size of the embeddings; 0 takes that of the first message.
        observe: takes durations.
        asking: time for questions to the gallery, which sites may share.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Raises:
        TransportError: the broker is away or refuses.
        StoreError: the gallery is away or refuses.

    Attributes:
        counts: messages by kind ("tracklet", "status"), "late" ones, and those refused here by
            reason, see `admission`.
        broker_up: whether the broker answered last.
        gallery_up: whether the gallery did.
        pending: messages that the broker holds, as far as it told last.
        identities: how many the matcher remembers, as of a few seconds ago.
        presence: which camera hosts are there.
    """

    def __init__(
        self,
        site: str,
        broker: Broker,
        store: GalleryStore,
        *,
        model: str,
        new_matcher: NewMatcher,
        config: CentralConfig | None = None,
        dim: int = 0,
        observe: Observe = lambda name, seconds: None,
        asking: AskingTime | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.site = site
        self._broker, self._store, self._model = broker, store, model
        self._new_matcher, self._observe = new_matcher, observe
        self._config = config or CentralConfig()
        self._clock, self._monotonic = clock, monotonic
        self._asking = (asking or AskingTime()) if self._config.recognise else None
        self._window: TimeWindow[Received] = TimeWindow(self._config.window_s)
        self._waiting: Outcome | None = None  # for the gallery
        self._outbox: deque[IdentityMessage] = deque()
        self._matched: tuple[float, float] | None = None
        self._wait_s, self._try_at_s = _FIRST_WAIT_S, -math.inf
        self._pending_at_s = -math.inf
        self.counts: Counter[str] = Counter()
        self._admission = Admission(site, self._config, self.counts, clock)
        self.broker_up, self.gallery_up, self.pending, self.identities = True, True, 0, 0
        self.presence = HostPresence(site, self._config.edge_gone_s, monotonic)
        self._matcher: SiteMatcher | None = self._new_site_matcher()
        # States of cameras, too: one count goes over both, and tells what is missing.
        pattern = pattern_of("tracklet", site).removesuffix("tracklet") + "*"
        self.receiver = Receiver(
            broker.subscribe(pattern, durable_name(site)), encoder=(model, dim), gaps=True
        )

    @property
    def waiting(self) -> int:
        """Records that wait for the gallery."""
        return 0 if self._waiting is None else len(self._waiting.sightings + self._waiting.events)

    @property
    def matcher(self) -> SiteMatcher | None:
        """Who is who; None while the gallery is away and it has to be read anew."""
        return self._matcher

    def turn(self, timeout_s: float) -> None:
        """Take what comes within a time, and match, store, tell and acknowledge what is due.

        While the gallery is away nothing is taken: what comes stays with the broker.

        Raises:
            TransportError: the broker refuses.
            StoreError: the gallery refuses.
        """
        end_s = self._monotonic() + timeout_s
        if self._ready():
            self._receive(end_s)
            self._match(self._window.take(self._monotonic(), self._config.batch_most))
        self._tell()
        self._ask_pending()
        left_s = end_s - self._monotonic()
        if left_s > 0 and not (self.broker_up and self.gallery_up):
            time.sleep(left_s)

    def finish(self) -> None:
        """Match and store what is held. What is not decided or not stored stays with the broker."""
        if self._ready():
            self._match(self._window.drain())
        self._tell()
        self._give_back()
        self.receiver.close()

    def _ready(self) -> bool:
        """Whether the gallery has all that was found, so that more can be taken."""
        if self.gallery_up:
            return True
        if self._monotonic() < self._try_at_s:
            return False
        try:
            if self._matcher is None:
                self._matcher = self._new_site_matcher()
            if self._waiting is not None:
                self._write(self._waiting)
        except StoreUnavailableError as error:
            self._gallery_away(error)
            return False
        logger.warning("the gallery is back; site %s goes on", self.site)
        self.gallery_up, self._wait_s = True, _FIRST_WAIT_S
        return True

    def _receive(self, end_s: float) -> None:
        while (left_s := end_s - self._monotonic()) > 0:
            try:
                received = self.receiver.receive(left_s)
            except TransportUnavailableError as error:
                if self.broker_up:
                    logger.warning("%s; what is held is matched, connecting again", error)
                self.broker_up = False
                return
            if not self.broker_up:
                logger.warning("the broker is back; site %s goes on", self.site)
                self.broker_up = True
            if received is not None:
                self._take(received)
            if received is None or self.receiver.caught_up():
                self.presence.caught_up()

    def _take(self, received: Received) -> None:
        message = received.message
        self.presence.heard(message)
        if isinstance(message, TrackletMessage):
            self.counts["tracklet"] += 1
            if self._admission.admits(message) and len(message.prototypes):
                if self._window.add(message.end_s, received, self._monotonic()):
                    self.counts["late"] += 1
                return
        elif isinstance(message, CameraMessage | EdgeMessage):
            self.counts["status"] += 1
        received.ack()  # nothing follows from it

    def _match(self, due: Sequence[Received]) -> None:
        """Match what is due in its order, in batches as they would have been without a delay.

        What comes in one batch is compared with those before it, not with each other.
        """
        batches = batches_by_time(due, self._config.batch_s) or [[]]
        for number, batch in enumerate(batches):
            if not self._match_batch(batch):
                for later in batches[number + 1 :]:
                    for received in later:
                        self._window.add(_end_s(received), received, self._monotonic())
                return

    def _match_batch(self, batch: Sequence[Received]) -> bool:
        """Match and store a batch; False where the gallery went away."""
        matcher = self._matcher
        if matcher is None or (not batch and not matcher.changing):
            return True
        started_s = self._monotonic()
        try:
            outcome = matcher.step(batch, self._present_s(batch))
            self._observe("match_seconds", self._monotonic() - started_s)
            self._waiting = outcome
            self._write(outcome)
        except StoreUnavailableError as error:
            if self._waiting is None:
                # The matcher was stopped half way: what it held comes again to a new one.
                for received in batch:
                    received.nak()
                self._give_back()
                self._matcher = None
            self._gallery_away(error)
            return False
        return True

    def _present_s(self, batch: Sequence[Received]) -> float:
        """Return the present on the clock of the messages: it goes on where none come."""
        now_s = self._monotonic()
        if batch or self._matched is None:
            self._matched = max(map(_end_s, batch), default=0.0), now_s
        return self._matched[0] + now_s - self._matched[1]

    def _write(self, outcome: Outcome) -> None:
        """Store what was found; then edges may hear of it, and the broker may forget it."""
        if outcome.sightings or outcome.events:
            started_s = self._monotonic()
            self._store.write(outcome.sightings, outcome.events, outcome.crops)
            self._observe("gallery_write_seconds", self._monotonic() - started_s)
        self._waiting = None
        self._outbox.extend(outcome.messages)
        self._tell()
        for received in outcome.settled:
            received.ack()
            message = received.message
            if isinstance(message, TrackletMessage) and message.clock != "file":
                self._observe("message_age_seconds", max(self._clock() - message.end_s, 0.0))

    def _tell(self) -> None:
        """Publish what edges are to know; while the broker is away it waits."""
        while self._outbox:
            some = [self._outbox[index] for index in range(min(_MOST_AT_ONCE, len(self._outbox)))]
            try:
                self._broker.publish([Outgoing.of(message, self.site) for message in some])
            except TransportUnavailableError:
                return
            for _ in some:
                self._outbox.popleft()

    def _ask_pending(self) -> None:
        if self._monotonic() >= self._pending_at_s:
            self._pending_at_s = self._monotonic() + _PENDING_EVERY_S
            self.identities = 0 if self._matcher is None else self._matcher.identities
            with contextlib.suppress(TransportUnavailableError):
                self.pending = self.receiver.pending()

    def _gallery_away(self, error: StoreUnavailableError) -> None:
        if self.gallery_up:
            logger.warning("%s; messages stay with the broker until it is back", error)
        self.gallery_up = False
        self._try_at_s = self._monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)

    def _give_back(self) -> None:
        """Let the broker hand out again soon what is not acknowledged."""
        held = self._window.drain()
        if self._matcher is not None:
            held += self._matcher.undecided
        if self._waiting is not None:
            held += self._waiting.settled
        for received in held:
            received.nak()

    def _new_site_matcher(self) -> SiteMatcher:
        matcher = SiteMatcher(
            *(self.site, self._store, self._model, self._new_matcher),
            asking=self._asking,
            now_s=self._clock(),
        )
        self._outbox.extend(matcher.greeting)
        return matcher


def batches_by_time(ordered: Sequence[Received], span_s: float) -> list[list[Received]]:
    """Split messages of tracklets, in the order of their times, into spans of time."""
    batches: list[list[Received]] = []
    start_s = math.inf
    for received in ordered:
        # A late one comes before those that are due, and does not begin a span of its own.
        if not batches or _end_s(received) > start_s + span_s:
            batches.append([])
            start_s = _end_s(received)
        batches[-1].append(received)
    return batches


def durable_name(site: str) -> str:
    """Return the name under which the broker keeps the place of a site's centre."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,40}", site):
        return f"reid-central-{site}"
    # A dash at the end is in no plain name's place: those of 40 letters end before it.
    return f"reid-central-{hashlib.sha256(site.encode()).hexdigest()[:40]}-h"


def _end_s(received: Received) -> float:
    message = received.message
    return message.end_s if isinstance(message, TrackletMessage) else -math.inf
