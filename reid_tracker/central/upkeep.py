"""Tends the gallery about once a minute: deletes old records, counts the others."""

from __future__ import annotations

import contextlib
import logging
import math
import time
from collections.abc import Callable, Sequence

from reid_tracker.errors import StoreUnavailableError
from reid_tracker.match.gallery.store import GalleryStore

logger = logging.getLogger(__name__)

_EVERY_S = 60.0
_JUMP_S = 60.0
_STEADY_S = 3600.0
_AGREES_S = 300.0


class GalleryUpkeep:
    """Work on a gallery that is due whether or not anybody is seen.

    What is deleted is gone, so nothing is deleted while the clock is in doubt: for an hour after it
    jumped, and while the broker or the camera hosts tell another time.

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
        self._next_s = self._steady_from_s = -math.inf
        self._offset_s = clock() - monotonic()
        self._doubted = False
        self.sightings: int | None = None

    def turn(self, heard_s: Sequence[float] = ()) -> None:
        """Do the work that is due; a gallery that is away is tried again a minute later.

        Args:
            heard_s: the present time by what others say, UTC seconds since 1970.
        """
        if self._monotonic() < self._next_s:
            return
        self._next_s = self._monotonic() + _EVERY_S
        with contextlib.suppress(StoreUnavailableError):
            if self._retention_s is not None and self._is_sure(heard_s):
                self._store.purge(self._clock() - self._retention_s)
            self.sightings = self._store.count()

    def _is_sure(self, heard_s: Sequence[float]) -> bool:
        """Tell whether the clock agrees with the monotonic one and with what others say."""
        now_s, offset_s = self._monotonic(), self._clock() - self._monotonic()
        if abs(offset_s - self._offset_s) > _JUMP_S:
            self._steady_from_s = now_s + _STEADY_S
        self._offset_s = offset_s
        others = [one for one in heard_s if abs(one - self._clock()) > _AGREES_S]
        doubted = now_s < self._steady_from_s or bool(others)
        if doubted and not self._doubted:
            logger.warning(
                "the clock of this centre jumped, or differs from those of the site: nothing is "
                "deleted by age until they agree; set the clocks by NTP"
            )
        self._doubted = doubted
        return not doubted
