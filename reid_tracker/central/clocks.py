"""The clocks of a site: those of its camera hosts, the broker's, and the centre's own.

No clock is believed alone. A message whose time lies ahead is kept, and its times are corrected:
to refuse it would lose it, and to believe it would make those of all other hosts look late.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from msgspec.structs import replace

from reid_tracker.transport import Received, TrackletMessage

logger = logging.getLogger(__name__)

_REMEMBERED_S = 60.0
_MOST_HOSTS = 1000
_WARN_EVERY_S = 3600.0


class SiteClocks:
    """Compares the times of messages with the broker's clock, or this centre's, and host by host.

    If most hosts are ahead, and there are two or more, then the clock that they were compared with
    is behind: their times stand.

    Args:
        site: name of the place, for the log.
        ahead_s: times further ahead are corrected.
        counts: corrected messages are counted here as "clock".
        clock: UTC seconds since 1970.
        monotonic: seconds on a clock that does not jump.
    """

    def __init__(
        self,
        site: str,
        ahead_s: float,
        counts: Counter[str],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._site, self._ahead_s, self._counts = site, ahead_s, counts
        self._clock, self._monotonic = clock, monotonic
        # By host: how far it was ahead at most of late, and when that was found.
        self._leads: dict[str, tuple[float, float]] = {}
        self._stored: tuple[float, float] | None = None
        self._warn_at: dict[str, float] = {}

    @property
    def heard_s(self) -> float | None:
        """The present time by what was heard in the last minute; None if nobody can tell.

        It comes from the broker, or else from two or more hosts.
        """
        now_s = self._monotonic()
        if self._stored is not None and now_s - self._stored[1] <= _REMEMBERED_S:
            return self._stored[0] + now_s - self._stored[1]
        leads = self._present(now_s)
        return self._clock() + leads[(len(leads) - 1) // 2] if len(leads) > 1 else None

    def correct(self, received: Received) -> None:
        """Set the times of a tracklet right if they lie ahead."""
        message, now_s = received.message, self._monotonic()
        if not isinstance(message, TrackletMessage):
            return
        if received.stored_s is not None:
            self._stored = received.stored_s, now_s
        base_s = self._clock() if received.stored_s is None else received.stored_s
        lead_s = self._lead(message.edge, message.end_s - base_s, now_s)
        common_s = self._common(now_s)
        if lead_s - common_s <= self._ahead_s or message.end_s - base_s - common_s <= 0:
            return
        self._counts["clock"] += 1
        self._warn(message.edge, lead_s - common_s, now_s)
        received.message = earlier(message, lead_s - common_s)

    def _lead(self, edge: str, lead_s: float, now_s: float) -> float:
        """Note how far a host is ahead, and return the most of the last minute."""
        before_s, at_s = self._leads.pop(edge, (lead_s, now_s))
        if lead_s >= before_s or now_s - at_s > _REMEMBERED_S:
            before_s, at_s = lead_s, now_s
        self._leads[edge] = before_s, at_s
        if len(self._leads) > _MOST_HOSTS:
            del self._leads[next(iter(self._leads))]
        return before_s

    def _present(self, now_s: float) -> list[float]:
        return sorted(lead for lead, at_s in self._leads.values() if now_s - at_s <= _REMEMBERED_S)

    def _common(self, now_s: float) -> float:
        """Return how far most hosts are ahead; 0 if they are not, or if there is only one."""
        leads = self._present(now_s)
        common_s = leads[(len(leads) - 1) // 2] if len(leads) > 1 else 0.0
        if common_s <= self._ahead_s:
            return 0.0
        if now_s >= self._warn_at.get("", now_s):
            self._warn_at[""] = now_s + _WARN_EVERY_S
            logger.warning(
                "most camera hosts of site %s are %.0f s ahead of this centre: its own clock or "
                "the broker's is wrong; set them by NTP",
                self._site,
                common_s,
            )
        return common_s

    def _warn(self, edge: str, ahead_s: float, now_s: float) -> None:
        if now_s >= self._warn_at.get(edge, now_s) and len(self._warn_at) <= _MOST_HOSTS:
            self._warn_at[edge] = now_s + _WARN_EVERY_S
            logger.warning(
                "the clock of camera host %s of site %s is %.0f s ahead; its times are corrected, "
                "set it by NTP",
                edge,
                self._site,
                ahead_s,
            )


def earlier(message: TrackletMessage, seconds: float) -> TrackletMessage:
    """Return a message with all times moved back, at most to 1970."""
    seconds = min(seconds, message.start_s)
    return replace(
        message,
        start_s=message.start_s - seconds,
        end_s=message.end_s - seconds,
        observations=tuple(
            replace(one, time_s=max(one.time_s - seconds, 0.0)) for one in message.observations
        ),
    )
