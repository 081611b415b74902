"""Maintains the gallery about once a minute: deletes old records and counts the others."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence

from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.aging import Aging
from reid_tracker.match.gallery.store import GalleryStore

_EVERY_S = 60.0


class GalleryUpkeep:
    """Deletes old records, also while nobody is seen.

    Nothing is deleted while the clock is in doubt, see `Aging`.

    Args:
        store: the gallery.
        retention_s: older records are deleted; None keeps all.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Attributes:
        sightings: number of sightings, at most a minute old; None at first.
    """

    def __init__(
        self,
        store: GalleryStore,
        retention_s: float | None = None,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._retention_s = store, retention_s
        self._clock, self._monotonic = clock, monotonic
        self._aging: Aging | None = None
        self._next_s = -math.inf
        self.sightings: int | None = None

    def turn(self, other_clocks_s: Sequence[float] = ()) -> None:
        """Do the work that is due; if the gallery is away, try again a minute later.

        Args:
            other_clocks_s: the current time on other clocks, UTC seconds since 1970.
        """
        if self._monotonic() < self._next_s:
            return
        self._next_s = self._monotonic() + _EVERY_S
        with contextlib.suppress(StoreUnavailableError):
            if self._retention_s is not None:
                if self._aging is None:
                    newest_s = self._store.info().stored_s
                    clocks = self._clock, self._monotonic
                    self._aging = Aging(self._retention_s, *clocks, newest_s=newest_s)
                self._store.purge(self._aging.limit_s(other_clocks_s))
            self.sightings = self._store.count()
