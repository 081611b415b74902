"""Matches tracklets and stores the results in the gallery, also across outages of the gallery."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from reid_tracker.central.intake import end_s_of
from reid_tracker.central.matcher import Matching, Outcome, SiteMatcher
from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import Received

logger = logging.getLogger(__name__)

Observe = Callable[[str, float], None]
"""Takes the name of a histogram and a duration in seconds."""

_FIRST_WAIT_S = 0.25
_LONGEST_WAIT_S = 5.0


class Recording:
    """Matches the tracklets of one site and stores the results; use it from one thread.

    Args:
        site: name of the place.
        store: the gallery.
        matching: how tracklets are compared.
        stored: called with every result once it is in the gallery.
        observe: called with durations.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Raises:
        StoreError: the gallery is away or refuses.

    Attributes:
        gallery_up: whether the gallery answered the last request.
        matcher: the identities; None while the gallery is away and must be read again.
    """

    def __init__(
        self,
        site: str,
        store: GalleryStore,
        matching: Matching,
        stored: Callable[[Outcome], None],
        *,
        observe: Observe,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._site = site
        self._store = store
        self._matching = matching
        self._stored = stored
        self._observe = observe
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: Outcome | None = None  # matched, but not in the gallery yet
        self._newest: tuple[float, float] | None = None
        self._wait_s = _FIRST_WAIT_S
        self._try_at_s = -math.inf
        self.gallery_up = True
        self.matcher: SiteMatcher | None = None
        self._begin()

    @property
    def waiting(self) -> int:
        """Records that wait for the gallery."""
        return 0 if self._waiting is None else len(self._waiting.sightings + self._waiting.events)

    def ready(self) -> bool:
        """Return whether the gallery has all results; after an outage try to store them.

        Raises:
            StoreError: the gallery refuses.
        """
        if self.gallery_up:
            return True
        if self._monotonic() < self._try_at_s:
            return False
        try:
            if self.matcher is None:
                self._begin()
            if self._waiting is not None:
                self._write(self._waiting)
        except StoreUnavailableError as error:
            self._gallery_is_away(error)
            return False
        logger.warning("the gallery is back; site %s continues", self._site)
        self.gallery_up = True
        self._wait_s = _FIRST_WAIT_S
        return True

    def match(self, batch: Sequence[Received]) -> None:
        """Match a batch and store the result; `gallery_up` tells whether this succeeded.

        Raises:
            StoreError: the gallery refuses.
        """
        matcher = self.matcher
        if matcher is None or not (batch or matcher.changing):
            return
        started_s = self._monotonic()
        try:
            outcome = matcher.step(batch, self._current_s(batch))
            self._observe("match_seconds", self._monotonic() - started_s)
            self._waiting = outcome
            self._write(outcome)
        except StoreUnavailableError as error:
            if self._waiting is None:
                # The matcher stopped half way; a new one receives the messages again.
                for received in [*batch, *matcher.undecided]:
                    received.nak()
                self.matcher = None
            self._gallery_is_away(error)

    def unsettled(self) -> list[Received]:
        """Return the messages that are undecided or whose result is not stored."""
        undecided = [] if self.matcher is None else self.matcher.undecided
        return undecided + ([] if self._waiting is None else self._waiting.settled)

    def _begin(self) -> None:
        """Create a matcher that knows the recent people of the gallery."""
        self.matcher = SiteMatcher(self._site, self._store, self._matching, now_s=self._clock())
        self._stored(Outcome(messages=self.matcher.greeting))

    def _current_s(self, batch: Sequence[Received]) -> float:
        """Return the current time on the messages' clock, extrapolated from the newest message."""
        now_s = self._monotonic()
        if batch or self._newest is None:
            self._newest = max(map(end_s_of, batch), default=0.0), now_s
        newest_s, came_s = self._newest
        return newest_s + now_s - came_s

    def _write(self, outcome: Outcome) -> None:
        if outcome.sightings or outcome.events:
            started_s = self._monotonic()
            self._store.write(outcome.sightings, outcome.events, outcome.crops)
            self._observe("gallery_write_seconds", self._monotonic() - started_s)
        self._waiting = None
        self._stored(outcome)

    def _gallery_is_away(self, error: StoreUnavailableError) -> None:
        if self.gallery_up:
            logger.warning("%s; messages stay with the broker until it is back", error)
        self.gallery_up = False
        self._try_at_s = self._monotonic() + self._wait_s
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
