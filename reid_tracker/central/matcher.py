"""Matches the tracklets of one site; returns gallery records and messages for the camera hosts."""

from __future__ import annotations

import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from reid_tracker.central.recognise import AskingTime, recognised
from reid_tracker.central.records import (
    Key,
    Row,
    batch_of,
    batch_of_sightings,
    event_record,
    identity_messages,
    key_of_sighting,
    row_of,
    sighting_id,
    sighting_of,
)
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.records import EventRecord, SightingRecord, Where
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import IdentityMessage, Received, TrackletMessage, new_boot_id
from reid_tracker.types import IdentityEvent
from reid_tracker.zoo.spaces import space_of

logger = logging.getLogger(__name__)

_NUMBERS_IN_STOCK = 64
_LONGEST_OUTAGE_S = 7 * 86_400
_FORGET_EVERY_S = 10.0
_LOOK_BACK_SLACK_S = 1.0


class Matching(NamedTuple):
    """How the tracklets of a site are compared.

    Attributes:
        model: fingerprint of the encoder.
        new_matcher: creates a matcher that takes the numbers of new identities from an iterator.
        dim: embedding size; 0 means that of the first message.
        asking: time limit for gallery searches, which several sites may share; None creates one for
            the site.
    """

    model: str
    new_matcher: Callable[[Iterator[int]], CrossCameraMatcher]
    dim: int = 0
    asking: AskingTime | None = None


@dataclass
class Outcome:
    """The result of a batch, which is final once it is stored in the gallery.

    Attributes:
        sightings: the tracklets of the batch.
        events: changes of identities.
        crops: JPEG pictures that hosts sent, by sighting id.
        messages: the events as messages for camera hosts.
        settled: received messages to acknowledge once the result is stored.
    """

    sightings: list[SightingRecord] = field(default_factory=list)
    events: list[EventRecord] = field(default_factory=list)
    crops: dict[str, bytes] = field(default_factory=dict)
    messages: list[IdentityMessage] = field(default_factory=list)
    settled: list[Received] = field(default_factory=list)


@dataclass
class _Known:
    """A tracklet that the matcher may remember, and the time of its latest message."""

    key: Key
    end_s: float


class SiteMatcher:
    """Matches one site's tracklets; the gallery gives the identity numbers.

    It starts with the people in the gallery's last `match.memory_s`. While the identity of a
    tracklet is undecided, its last message stays unacknowledged. After a crash the broker therefore
    redelivers everything that is needed to decide.

    Args:
        site: name of the place.
        store: the gallery.
        matching: how tracklets are compared; without `asking` new people are never looked up in the
            gallery.
        now_s: UTC seconds since 1970.

    Raises:
        StoreUnavailableError: the gallery is away.

    Attributes:
        counts: number of "new", "merge" and "split" events, of "stale" messages, which came after
            newer ones of their tracklet, and of "unasked" people: new ones who were not looked up
            in the gallery for lack of time.
        greeting: messages with the identities of all tracklets known at the start; the previous run
            may have ended before it published them.
    """

    def __init__(
        self, site: str, store: GalleryStore, matching: Matching, *, now_s: float = math.inf
    ) -> None:
        self._site = site
        self._store = store
        self._model = space_of(matching.model)
        self._asking = matching.asking
        self._boot = new_boot_id()
        self._event_numbers = itertools.count(1)
        self._message_numbers = itertools.count(1)
        self._stock: list[int] = []
        self._matcher = matching.new_matcher(self._numbers())
        self._known: dict[Row, _Known] = {}
        self._undecided: dict[Row, tuple[Received, float]] = {}
        self._now_s = -math.inf
        self._forgot_s = -math.inf
        self._changing_until_s = -math.inf
        self.counts = {"new": 0, "merge": 0, "split": 0, "stale": 0, "unasked": 0}
        self.greeting = self._restore(now_s)

    @property
    def identities(self) -> int:
        """Number of identities in memory."""
        return len(self._matcher.identities())

    @property
    def changing(self) -> bool:
        """Whether `step` may decide or revise identities without a new message."""
        return bool(self._undecided) or self._now_s < self._changing_until_s

    @property
    def undecided(self) -> list[Received]:
        """Messages of tracklets whose identity is still open."""
        return [received for received, _ in self._undecided.values()]

    def step(self, batch: Sequence[Received], now_s: float) -> Outcome:
        """Match tracklet messages with embeddings, in any order.

        Args:
            batch: the messages.
            now_s: current time on the clock of the messages.

        Raises:
            StoreUnavailableError: the gallery gives no numbers; this object is then unusable.
        """
        self._now_s = max(self._now_s, now_s)
        self._refill(len(batch))
        outcome = Outcome()
        latest = self._latest(batch, outcome)
        messages = [_message(received) for received in latest.values()]
        if messages:
            # Keep calling the matcher until its next revision; otherwise the last people of a day
            # would keep their first identity.
            config = self._matcher.config
            wait_s = 2 * config.patience_s + config.revise_every_s
            self._changing_until_s = self._now_s + wait_s + _LOOK_BACK_SLACK_S
        if messages or self.changing:
            self._matcher.update_tracklets(batch_of(messages), self._now_s)
        for event in self._new_events():
            name = f"central/{self._boot}/{next(self._event_numbers)}"
            outcome.events.append(event_record(event, name, self._site, self._key_of))
            outcome.messages += self._messages(event)
            if event.kind in self.counts:
                self.counts[event.kind] += 1
        identity = self._matcher.identity
        for row, received in latest.items():
            outcome.sightings.append(sighting_of(_message(received), self._site, identity(*row)))
        self._settle(latest, outcome.settled)
        self._forget()
        return outcome

    def _new_events(self) -> Sequence[IdentityEvent]:
        events = self._matcher.events()
        if self._asking is None:
            return events
        before = self._asking.unasked
        events = recognised(self._matcher, events, self._store, self._model, self._asking)
        self.counts["unasked"] += self._asking.unasked - before
        return events

    def _latest(self, batch: Sequence[Received], outcome: Outcome) -> dict[Row, Received]:
        """Return the newest message of each tracklet; keep the pictures of older ones, too."""
        latest: dict[Row, Received] = {}
        for received in sorted(batch, key=lambda one: _message(one).edge_seq):
            message = _message(received)
            row = row_of(message.key)
            known = self._known.get(row)
            if known is not None and message.end_s < known.end_s:
                self.counts["stale"] += 1
                outcome.settled.append(received)
                continue
            self._known[row] = _Known(message.key, message.end_s)
            if row in latest:
                outcome.settled.append(latest[row])
            latest[row] = received
            if message.picture is not None:
                outcome.crops[sighting_id(self._site, message.key)] = message.picture
        return latest

    def _settle(self, latest: dict[Row, Received], settled: list[Received]) -> None:
        """Collect the messages whose tracklets are decided, or never will be."""
        config = self._matcher.config
        for row, received in latest.items():
            if row in self._undecided:
                before, since_s = self._undecided[row]
                settled.append(before)
                self._undecided[row] = received, since_s
            elif _message(received).frames >= config.min_hits:
                self._undecided[row] = received, self._now_s
            else:
                settled.append(received)
        # The matcher decides within `patience_s`, unless no later message comes.
        max_wait_s = 2 * config.patience_s + 5
        for row, (received, since_s) in list(self._undecided.items()):
            if self._matcher.identity(*row) or self._now_s - since_s > max_wait_s:
                settled.append(received)
                del self._undecided[row]

    def _forget(self) -> None:
        if self._now_s < self._forgot_s + _FORGET_EVERY_S:
            return
        self._forgot_s = self._now_s
        oldest_s = self._now_s - self._matcher.config.memory_s
        for row in [row for row, known in self._known.items() if known.end_s < oldest_s]:
            if row not in self._undecided:
                del self._known[row]

    def _key_of(self, row: Row) -> Key:
        return self._known[row].key

    def _messages(self, event: IdentityEvent) -> list[IdentityMessage]:
        return identity_messages(event, self._boot, self._message_numbers, self._key_of)

    def _numbers(self) -> Iterator[int]:
        """Yield the numbers that the gallery gives for new identities."""
        while True:
            if not self._stock:
                self._refill(1)
            yield self._stock.pop(0)

    def _refill(self, count: int) -> None:
        """Reserve numbers for `count` new people before the matcher needs them."""
        if len(self._stock) < count + _NUMBERS_IN_STOCK // 2:
            self._stock.extend(self._store.reserve_identities(count + _NUMBERS_IN_STOCK))

    def _restore(self, now_s: float) -> list[IdentityMessage]:
        """Load the recent people of the gallery into the matcher; return the `greeting`."""
        self._refill(1)
        config = self._matcher.config
        keys, kept = [], []
        for one in self._recent(now_s):
            key = key_of_sighting(self._site, one.id)
            if key is not None:
                self._known[row_of(key)] = _Known(key, one.end_s)
                if one.identity and one.model == self._model:
                    keys.append(key)
                    kept.append(one)
        if not kept:
            return []
        identities = np.array([one.identity for one in kept], np.int64)
        # A tracklet with an identity must have had at least `min_hits` embeddings.
        self._matcher.restore(batch_of_sightings(keys, kept, config.min_hits), identities)
        self._now_s = max(one.end_s for one in kept)
        logger.info("%d tracklets of site %s are known from before", len(kept), self._site)
        messages = []
        for identity in np.unique(identities).tolist():
            event = IdentityEvent(
                kind="match",
                identity=identity,
                previous_ids=(),
                members=tuple(self._matcher.members(identity)),
                reason="known from before",
                score=1.0,
                time_s=self._now_s,
            )
            messages += self._messages(event)
        return messages

    def _recent(self, now_s: float) -> list[SightingRecord]:
        """Return the last `memory_s` of the site's sightings in the gallery.

        They may be long ago: after an outage, the messages in the broker continue where the gallery
        ends.
        """
        memory_s, last_s = self._matcher.config.memory_s, self._store.info().last_s
        if last_s is None:
            return []
        # The newest record may belong to another site, so widen the search until some are found.
        span_s, newest_s = memory_s, min(now_s, last_s)
        while span_s < _LONGEST_OUTAGE_S:
            where = Where(sites=(self._site,), since_s=newest_s - span_s)
            found = self._store.sightings(where)
            if found:
                since_s = max(one.end_s for one in found) - memory_s
                return self._store.sightings(replace(where, since_s=since_s))
            span_s = 4 * max(span_s, 1.0)
        return []


def _message(received: Received) -> TrackletMessage:
    message = received.message
    assert isinstance(message, TrackletMessage)  # noqa: S101 - the intake keeps no others
    return message
