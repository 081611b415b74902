"""Tends the gallery about once a minute: deletes old records, counts the others."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable

from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.store import GalleryStore

_EVERY_S = 60.0


class GalleryUpkeep:
    """Work on a gallery that is due whether or not anybody is seen.

    Args:
        store: the gallery.
        retention_s: records stored longer ago are deleted; None keeps all.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.

    Attributes:
        sightings: number of sightings, as of a minute ago; None until it is known.
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
        self._next_s = -math.inf
        self.sightings: int | None = None

    def turn(self) -> None:
        """Do the work that is due; a gallery that is away is tried again a minute later."""
        if self._monotonic() < self._next_s:
            return
        self._next_s = self._monotonic() + _EVERY_S
        with contextlib.suppress(StoreUnavailableError):
            if self._retention_s is not None:
                self._store.purge(self._clock() - self._retention_s)
            self.sightings = self._store.count()
