"""The live matcher with a memory: people keep the numbers that a gallery knows them by.

Within a run the matcher decides who is who, and numbers people from 1. Here these numbers become
those of the gallery: whoever is new to the run is looked for among the people of earlier runs. What
the run finds goes to the gallery in the background. No answer of a gallery is waited for longer
than tracking can afford; what it did not say then is asked again later, and corrected by an event.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from reid_tracker.errors import StoreError
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.known import Known, who_is
from reid_tracker.match.gallery.link import RunLink
from reid_tracker.match.gallery.numbers import NumberStock
from reid_tracker.match.gallery.writer import GalleryWriter
from reid_tracker.types import (
    Embeddings,
    EventKind,
    Identities,
    IdentityEvent,
    Member,
    Tracks,
)

logger = logging.getLogger(__name__)

_STORE_EVERY_S = 5.0
_LOOK_EVERY_S = 1.0
_MOST_LOOKS = 4
_SLACK_S = 1.0
"""Cameras are read in turn: a frame may be this much older than the newest."""

PictureOf = Callable[[str, int], bytes | None]
"""Gives the encoded picture of a track of a camera, if there is one that was not given before."""


@dataclass
class _Open:
    """Somebody who may yet turn out to be known: when to look again, by what was seen since."""

    looks: int = 0
    hits: int = 0


class GalleryMatcher:
    """A `Matcher` whose identities hold beyond the run.

    Args:
        matcher: decides within the run; is owned by this one from here on.
        asker: of the gallery.
        writer: to the gallery.
        link: makes the records.
        picture_of: gives pictures to store; None stores none.
    """

    def __init__(
        self,
        matcher: CrossCameraMatcher,
        asker: PatientAsker,
        writer: GalleryWriter,
        link: RunLink,
        picture_of: PictureOf | None = None,
    ) -> None:
        self._matcher = matcher
        self._asker = asker
        self._writer = writer
        self._link = link
        self._picture_of = picture_of
        self._stock = NumberStock(asker)
        # By the run's own number: the gallery's, 0 where it has none yet. Row 0 is "not sure".
        self._numbers = np.zeros(1, np.int64)
        self._highest = 0
        self._given: set[int] = set()
        self._cost: dict[int, float] = {}
        self._ended: set[int] = set()
        self._open: dict[int, _Open] = {}
        self._events: list[IdentityEvent] = []
        self._unsent: list[IdentityEvent] = []
        self._stored: dict[Member, tuple[float, int]] = {}
        self._now_s = -math.inf
        self._stored_s = self._looked_s = -math.inf
        self._every_s = min(_STORE_EVERY_S, matcher.config.memory_s / 2)
        self.failure: StoreError | None = None

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, time: float
    ) -> Identities:
        """See `Matcher`."""
        found = self._matcher.update(camera, tracks, embeddings, time)
        first = self._now_s == -math.inf
        self._now_s = max(self._now_s, time)
        if first:
            self._stored_s = self._looked_s = self._now_s
        self._follow()
        if self._now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = self._now_s
            self._look_again()
        if self._now_s - self._stored_s >= self._every_s:
            self.store()
        ids = self._numbers[found.ids]
        return Identities(found.track_ids, ids, np.where(ids > 0, found.scores, 0))

    def events(self) -> list[IdentityEvent]:
        """See `Matcher`."""
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """See `Matcher`."""
        self._matcher.finish()
        self._follow()
        self._look_again(last=True)
        self.store()

    def store(self) -> None:
        """Queue what has changed since the last time for the gallery."""
        since_s, self._stored_s = self._stored_s - _SLACK_S, self._now_s
        cameras = self._matcher.cameras()
        stored: dict[Member, tuple[float, int]] = {}
        sightings, crops = [], {}
        for tracklet in self._matcher.tracklets(since_s=since_s):
            member = (cameras[tracklet.camera], tracklet.track)
            identity = int(self._numbers[tracklet.identity])
            state = stored[member] = (tracklet.span_s[1], identity)
            picture = self._picture_of(*member) if self._picture_of else None
            if picture is None and self._stored.get(member) == state:
                continue
            one = self._link.sighting(
                *(*member, identity),
                span_s=tracklet.span_s,
                embeddings=tracklet.prototypes,
                quality=min(tracklet.quality, 1.0),
            )
            sightings.append(one)
            if picture is not None:
                crops[one.id] = picture
        self._stored = stored
        events, self._unsent = self._unsent, []
        if self.failure is None and (sightings or events):
            records = [self._link.event(event) for event in events]
            try:
                self._writer.put(sightings, records, crops)
            except StoreError as error:
                self._fail(error)

    def _follow(self) -> None:
        """Say what the matcher has decided, in the gallery's numbers."""
        events = self._matcher.events()
        highest = max((event.identity for event in events), default=0)
        more = np.zeros(max(highest + 1 - len(self._numbers), 0), np.int64)
        self._numbers = np.append(self._numbers, more)
        for event in events:
            local = event.identity
            if local > self._highest:  # the run's numbers rise one by one
                self._highest = local
                self._publish_somebody(event)
            elif event.kind == "merge":
                self._publish_merge(event)
            else:
                self._publish(event, int(self._numbers[local]), self._before(event))

    def _before(self, event: IdentityEvent) -> set[int]:
        return {int(self._numbers[local]) for local in event.previous_ids} - {0}

    def _publish(self, event: IdentityEvent, identity: int, before: set[int]) -> None:
        """Publish an event with its numbers; nothing where no number says that it happened."""
        if not identity and not before:
            return
        kind = event.kind if identity else "split"
        previous = tuple(sorted(before - {identity}))
        if kind == "merge":
            # The gallery has them until this event is written, whenever that is.
            self._ended.update(previous)
        event = replace(event, kind=kind, identity=identity, previous_ids=previous)
        self._events.append(event)
        self._unsent.append(event)

    def _publish_somebody(self, event: IdentityEvent) -> None:
        """Publish that there is somebody whom the run did not know; the gallery may."""
        local = event.identity
        self._open[local] = _Open()
        known = self._ask(local)
        identity = known.identity if known else self._take()
        self._numbers[local] = identity
        if known:
            self._open.pop(local)
            self._cost[identity] = known.cost
            event = replace(
                event,
                kind="match" if event.kind == "new" else event.kind,
                reason=f"known to the gallery: looks cost {known.cost:.3f}",
                score=min(max(1 - known.cost, 0.0), 1.0),
            )
        self._publish(event, identity, self._before(event))

    def _publish_merge(self, event: IdentityEvent) -> None:
        """Publish that two of the run are one.

        Only numbers that this run gave out end by it: of two whom earlier runs knew one may have
        been recognised wrongly, which is no reason to call them one for ever. It is the one who was
        less alike.
        """
        local = event.identity
        own, before = int(self._numbers[local]), self._before(event)
        candidates = before | ({own} - {0})
        known = candidates - self._given
        surest = sorted(known or candidates, key=lambda one: (self._cost.get(one, np.inf), one))
        identity = surest[0] if surest else 0
        if not all(one in self._open for one in (local, *event.previous_ids)):
            self._open.pop(local, None)  # one of them is known
        if identity != own:
            event = replace(event, members=self._members(local))
        self._numbers[[local, *event.previous_ids]] = identity
        for ended in event.previous_ids:
            self._open.pop(ended, None)
        ends = candidates & self._given - {identity}
        if ends:
            self._publish(event, identity, ends)
        else:  # they had no number yet, or one that others bear on
            kind: EventKind = "split" if candidates - {identity} else "match"
            self._publish(replace(event, kind=kind), identity, candidates)

    def _look_again(self, *, last: bool = False) -> None:
        """Ask once more about people who were new, now that more was seen of them."""
        alive = set(self._matcher.identities())
        for local in list(self._open):
            state = self._open[local]
            if local not in alive or state.looks >= _MOST_LOOKS:
                del self._open[local]
                continue
            hits = sum(one.hits for one in self._matcher.tracklets(identity=local))
            if not last and hits < 2 * state.hits:
                continue
            known = self._ask(local)
            own = int(self._numbers[local])
            if known or not own:
                self._renumber(local, own, known)

    def _renumber(self, local: int, own: int, known: Known | None) -> None:
        """Give somebody the gallery's number, or a new one where they have none."""
        identity = known.identity if known else self._take()
        if not identity:
            return
        self._numbers[local] = identity
        if known:
            del self._open[local]
            self._cost[identity] = known.cost
        event = IdentityEvent(
            kind="merge" if own else "match" if known else "new",
            identity=identity,
            previous_ids=(),
            members=self._members(local),
            reason=f"known to the gallery: looks cost {known.cost:.3f}" if known else "new",
            score=min(max(1 - known.cost, 0.0), 1.0) if known else 1.0,
            time_s=self._now_s,
        )
        self._publish(event, identity, {own} - {0})

    def _members(self, local: int) -> tuple[Member, ...]:
        return tuple(self._matcher.members(local))

    def _ask(self, local: int) -> Known | None:
        """Ask the gallery who somebody is; whom the run itself knows now is somebody else."""
        tracklets = self._matcher.tracklets(identity=local)
        if not tracklets or self.failure is not None:
            return None
        present = {int(self._numbers[one]) for one in self._matcher.identities()} | self._ended
        model, config = self._link.model, self._matcher.config
        state = self._open[local]
        try:
            answer = self._asker.ask(
                lambda store: (who_is(store, tracklets, model, config, present),)
            )
        except StoreError as error:
            self._fail(error)
            return None
        if answer is None:
            return None
        state.looks += 1
        state.hits = sum(one.hits for one in tracklets)
        return answer[0]

    def _take(self) -> int:
        try:
            number = self._stock.take(refill=self.failure is None)
        except StoreError as error:
            self._fail(error)
            return 0
        self._given.add(number)
        return number

    def _fail(self, error: StoreError) -> None:
        """Go on without a gallery that will not come back; whoever closes it raises the error."""
        if self.failure is None:
            logger.error("%s; tracking goes on, nothing more is stored", error)
            self.failure = error
