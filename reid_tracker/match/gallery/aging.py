"""Says up to when records are too old, by a clock that is not in doubt."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

logger = logging.getLogger(__name__)

_JUMP_S = 60.0
_STEADY_S = 3600.0
_AGREES_S = 300.0


class Aging:
    """The age limit of a gallery.

    What is deleted is gone, so nothing is too old while the clock is in doubt: for an hour after it
    jumped against the monotonic clock, and while others tell another time.

    Args:
        retention_s: what was stored longer ago is too old.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.
    """

    def __init__(
        self,
        retention_s: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retention_s = retention_s
        self._clock, self._monotonic = clock, monotonic
        self._offset_s = clock() - monotonic()
        self._steady_from_s = -math.inf
        self._doubted = False

    def limit_s(self, heard_s: Sequence[float] = ()) -> float:
        """Return the time before which records are too old; -inf while the clock is in doubt.

        Args:
            heard_s: the present time by what others say, UTC seconds since 1970.
        """
        now_s, steady_s = self._clock(), self._monotonic()
        if abs(now_s - steady_s - self._offset_s) > _JUMP_S:
            self._steady_from_s = steady_s + _STEADY_S
        self._offset_s = now_s - steady_s
        others = any(abs(one - now_s) > _AGREES_S for one in heard_s)
        doubted = steady_s < self._steady_from_s or others
        if doubted and not self._doubted:
            logger.warning(
                "the clock of this machine jumped, or differs from those of the site: nothing is "
                "deleted by age until they agree; set the clocks by NTP"
            )
        self._doubted = doubted
        return -math.inf if doubted else now_s - self._retention_s
