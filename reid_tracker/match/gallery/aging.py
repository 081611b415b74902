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
_UNUSED_S = 86_400.0


def doubt(newest_s: float | None, now_s: float, what: str = "the gallery") -> str:
    """Return why a clock may be ahead; empty if something was written to within a day.

    Args:
        newest_s: when it was last written to, UTC seconds since 1970; None if it is empty.
        now_s: the time by the clock.
        what: was written to.
    """
    if newest_s is None or now_s - newest_s <= _UNUSED_S:
        return ""
    days = (now_s - newest_s) / 86_400
    return f"{what} was last written {days:.1f} days ago by this machine's clock"


class Aging:
    """The age limit of a gallery, or of a folder of files.

    What is deleted is gone, so nothing is too old while the clock is in doubt: for an hour after it
    jumped against the monotonic clock, while others tell another time, and for the first hour of a
    place that nobody wrote to for a day, unless others tell the same time.

    Args:
        retention_s: what was stored longer ago is too old.
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.
        newest_s: when it was last written to, UTC seconds since 1970; None if it is empty.
        what: the gallery or folder, for the log.
    """

    def __init__(
        self,
        retention_s: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        *,
        newest_s: float | None = None,
        what: str = "the gallery",
    ) -> None:
        self._retention_s = retention_s
        self._clock, self._monotonic = clock, monotonic
        self._offset_s = clock() - monotonic()
        self._steady_from_s = -math.inf
        self._unused = doubt(newest_s, clock(), what)
        self._unused_until_s = monotonic() + _STEADY_S
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
        unused = "" if heard_s or steady_s >= self._unused_until_s else self._unused
        doubted = steady_s < self._steady_from_s or others or bool(unused)
        if doubted and not self._doubted and unused:
            logger.warning("%s, which may be ahead: nothing is deleted by age for an hour", unused)
        elif doubted and not self._doubted:
            logger.warning(
                "the clock of this machine jumped, or differs from those of the site: nothing is "
                "deleted by age until they agree; set the clocks by NTP"
            )
        self._doubted = doubted
        return -math.inf if doubted else now_s - self._retention_s
