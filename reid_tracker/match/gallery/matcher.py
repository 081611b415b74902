"""The live matcher with a memory: people keep the numbers that a gallery knows them by.

Within a run, `CrossCameraMatcher` decides who is who and numbers people from 1. This module turns
these numbers into those of the gallery: everybody who is new to the run is looked up among the
people of earlier runs. The findings of the run go to the gallery in the background. Tracking never
waits long for a gallery: questions without an answer are asked again later, and an event corrects
the number.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from reid_tracker.errors import StoreError
from reid_tracker.match.decide.matcher import CrossCameraMatcher
from reid_tracker.match.gallery.asker import PatientAsker
from reid_tracker.match.gallery.known import Known, who_is
from reid_tracker.match.gallery.recorder import PictureOf, RunLink, RunRecorder
from reid_tracker.match.gallery.writer import GalleryWriter
from reid_tracker.types import Embeddings, EventKind, Identities, IdentityEvent, Tracks

_ASK_EVERY_S = 1.0
_MAX_QUESTIONS = 4

_STOCK = 64
"""Numbers for the new people of an outage. Those left at the end of a run are never used."""


@dataclass
class _Open:
    """The questions asked about a person, and the number of embeddings at the last one."""

    questions: int = 0
    hits: int = 0


class GalleryMatcher:
    """A `Matcher` whose identities hold beyond the run.

    Args:
        matcher: decides within the run; used only by this object from now on.
        asker: of the gallery.
        writer: to the gallery.
        link: makes the records.
        picture_of: returns pictures to store; None stores none.
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
        self._model = link.model
        self._recorder = RunRecorder(matcher, writer, link, picture_of)
        self._stock: deque[int] = deque()
        self._refill_stock()
        # The gallery's number for each number of the run, 0 if there is none yet. 0 is "not sure".
        self._numbers = np.zeros(1, np.int64)
        self._highest = 0
        self._given: set[int] = set()
        self._ended: set[int] = set()
        self._cost: dict[int, float] = {}
        self._open: dict[int, _Open] = {}
        self._events: list[IdentityEvent] = []
        self._now_s = -math.inf
        self._asked_s = math.inf

    @property
    def failure(self) -> StoreError | None:
        """The error after which nothing more is stored; None if there was none."""
        return self._recorder.failure

    def update(
        self, camera: str, tracks: Tracks, embeddings: Embeddings | None, timestamp_s: float
    ) -> Identities:
        """See `Matcher`."""
        found = self._matcher.update(camera, tracks, embeddings, timestamp_s)
        self._now_s = max(self._now_s, timestamp_s)
        self._asked_s = min(self._asked_s, self._now_s)
        self._follow()
        if self._now_s - self._asked_s >= _ASK_EVERY_S:
            self._asked_s = self._now_s
            self._ask_again()
        if self._recorder.is_due(self._now_s):
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
        self._ask_again(last=True)
        self.store()

    def store(self) -> None:
        """Queue what has changed since the last time for the gallery."""
        self._recorder.store(self._now_s, lambda local: int(self._numbers[local]))

    def _follow(self) -> None:
        """Report the matcher's decisions in the gallery's numbers."""
        events = self._matcher.events()
        highest = max((event.identity for event in events), default=0)
        more = np.zeros(max(highest + 1 - len(self._numbers), 0), np.int64)
        self._numbers = np.append(self._numbers, more)
        for event in events:
            if event.identity > self._highest:  # the run's numbers ascend one by one
                self._highest = event.identity
                self._report_new(event)
            elif event.kind == "merge":
                self._report_merge(event)
            else:
                self._report(event, int(self._numbers[event.identity]), self._before(event))

    def _before(self, event: IdentityEvent) -> set[int]:
        return {int(self._numbers[local]) for local in event.previous_ids} - {0}

    def _report(self, event: IdentityEvent, identity: int, before: set[int]) -> None:
        """Report an event in the gallery's numbers; nothing if none of them has a number yet."""
        if not identity and not before:
            return
        kind = event.kind if identity else "split"
        previous = tuple(sorted(before - {identity}))
        if kind == "merge":
            # The gallery still has these numbers until the event is written.
            self._ended.update(previous)
        event = replace(event, kind=kind, identity=identity, previous_ids=previous)
        self._events.append(event)
        self._recorder.add(event)

    def _report_new(self, event: IdentityEvent) -> None:
        """Report a person who is new to the run, but perhaps not to the gallery."""
        local = event.identity
        self._open[local] = _Open()
        known = self._ask(local)
        identity = known.identity if known else self._take()
        self._numbers[local] = identity
        if known:
            self._open.pop(local)
            self._cost[identity] = known.cost
            kind: EventKind = "match" if event.kind == "new" else event.kind
            event = replace(event, kind=kind, reason=known.reason, score=known.score)
        self._report(event, identity, self._before(event))

    def _report_merge(self, event: IdentityEvent) -> None:
        """Report that two people of the run are one.

        Only numbers that this run has given out end by it. If earlier runs knew both, one of them
        may have been recognised wrongly, which is no reason to merge them in the gallery: the
        number with the lower cost is kept.
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
            event = replace(event, members=tuple(self._matcher.members(local)))
        self._numbers[[local, *event.previous_ids]] = identity
        for ended in event.previous_ids:
            self._open.pop(ended, None)
        ends = candidates & self._given - {identity}
        if ends:
            self._report(event, identity, ends)
        else:  # they had no number yet, or one that others keep
            kind: EventKind = "split" if candidates - {identity} else "match"
            self._report(replace(event, kind=kind), identity, candidates)

    def _ask_again(self, *, last: bool = False) -> None:
        """Ask again about new people of whom much more has been seen since the last question."""
        alive = set(self._matcher.identities())
        for local, state in list(self._open.items()):
            if local not in alive or state.questions >= _MAX_QUESTIONS:
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
        """Give a person the gallery's number, or a new one if the person has none."""
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
            members=tuple(self._matcher.members(local)),
            reason=known.reason if known else "new",
            score=known.score if known else 1.0,
            time_s=self._now_s,
        )
        self._report(event, identity, {own} - {0})

    def _ask(self, local: int) -> Known | None:
        """Ask the gallery who a person is; people whom the run already knows are excluded."""
        tracklets = self._matcher.tracklets(identity=local)
        if not tracklets or self.failure is not None:
            return None
        present = {int(self._numbers[one]) for one in self._matcher.identities()} | self._ended
        model, config = self._model, self._matcher.config
        try:
            # In a tuple, because an answer of None means that the gallery is not available.
            answer = self._asker.ask(
                lambda store: (who_is(store, tracklets, model, config, present),)
            )
        except StoreError as error:
            self._recorder.fail(error)
            return None
        if answer is None:
            return None
        self._open[local].questions += 1
        self._open[local].hits = sum(one.hits for one in tracklets)
        return answer[0]

    def _take(self) -> int:
        """Return an unused number; 0 if the gallery is not available and none is left."""
        if self.failure is None and len(self._stock) <= _STOCK // 2:
            try:
                self._refill_stock()
            except StoreError as error:
                self._recorder.fail(error)
                return 0
        number = self._stock.popleft() if self._stock else 0
        self._given.add(number)
        return number

    def _refill_stock(self) -> None:
        more = self._asker.ask(lambda store: store.reserve_identities(_STOCK))
        self._stock.extend(more or ())
