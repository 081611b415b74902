"""Compares the clocks of a site: those of its camera hosts, the broker's, and the centre's own.

No single clock is trusted. If the time of a message lies in the future, its times are corrected.
Refusing the message would lose it; trusting it would make the messages of all other hosts look
late.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from reid_tracker.transport import Received, TrackletMessage
from reid_tracker.transport.wire.messages import moved_back

logger = logging.getLogger(__name__)

_REMEMBERED_S = 60.0
_FILE_AHEAD_S = 60.0
"""Times of recordings may be this far ahead: files are read faster than they were recorded."""

_MAX_HOSTS = 1000
_WARN_EVERY_S = 3600.0


class SiteClocks:
    """Compares the times of each host's messages with the broker's clock, or else the centre's.

    If there are two or more hosts and most of them are ahead, then the reference clock is behind,
    and the times of the hosts are not corrected.

    Args:
        site: name of the place, for the log.
        ahead_s: times that are further ahead are corrected.
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
        # By host: its maximum lead in the last minute, and when that was measured.
        self._leads: dict[str, tuple[float, float]] = {}
        self._stored: tuple[float, float] | None = None
        self._warn_at: dict[str, float] = {}

    @property
    def common_time_s(self) -> float | None:
        """The current time according to the messages of the last minute; None if it is unknown.

        It comes from the broker's clock, or else from the median of two or more hosts.
        """
        now_s = self._monotonic()
        if self._stored is not None and now_s - self._stored[1] <= _REMEMBERED_S:
            return self._stored[0] + now_s - self._stored[1]
        leads = self._recent_leads(now_s)
        return self._clock() + leads[(len(leads) - 1) // 2] if len(leads) > 1 else None

    def correct(self, received: Received) -> None:
        """Correct the times of a tracklet that lie in the future."""
        message, now_s = received.message, self._monotonic()
        if not isinstance(message, TrackletMessage):
            return
        if received.stored_s is not None:
            self._stored = received.stored_s, now_s
        base_s = self._clock() if received.stored_s is None else received.stored_s
        if message.clock == "file" and message.end_s - base_s <= _FILE_AHEAD_S:
            return
        lead_s = self._lead(message.edge, message.end_s - base_s, now_s)
        common_s = self._common(now_s)
        if lead_s - common_s <= self._ahead_s or message.end_s - base_s - common_s <= 0:
            return
        self._counts["clock"] += 1
        self._warn(message.edge, lead_s - common_s, now_s)
        received.message = moved_back(message, lead_s - common_s)

    def _lead(self, edge: str, lead_s: float, now_s: float) -> float:
        """Record how far a host is ahead; return the maximum of the last minute."""
        max_s, at_s = self._leads.pop(edge, (lead_s, now_s))
        if lead_s >= max_s or now_s - at_s > _REMEMBERED_S:
            max_s, at_s = lead_s, now_s
        self._leads[edge] = max_s, at_s
        if len(self._leads) > _MAX_HOSTS:
            del self._leads[next(iter(self._leads))]
        return max_s

    def _recent_leads(self, now_s: float) -> list[float]:
        return sorted(lead for lead, at_s in self._leads.values() if now_s - at_s <= _REMEMBERED_S)

    def _common(self, now_s: float) -> float:
        """Return the median lead of the hosts; 0 if it is small, or if there is only one host."""
        leads = self._recent_leads(now_s)
        common_s = leads[(len(leads) - 1) // 2] if len(leads) > 1 else 0.0
        if common_s <= self._ahead_s:
            return 0.0
        if now_s >= self._warn_at.get("", now_s):
            self._warn_at[""] = now_s + _WARN_EVERY_S
            logger.warning(
                "most camera hosts of site %s are %.0f s ahead of this centre; its own clock or "
                "the broker's is wrong; synchronise them with NTP",
                self._site,
                common_s,
            )
        return common_s

    def _warn(self, edge: str, ahead_s: float, now_s: float) -> None:
        if now_s >= self._warn_at.get(edge, now_s) and len(self._warn_at) <= _MAX_HOSTS:
            self._warn_at[edge] = now_s + _WARN_EVERY_S
            logger.warning(
                "the clock of camera host %s of site %s is %.0f s ahead; its times are corrected; "
                "synchronise it with NTP",
                edge,
                self._site,
                ahead_s,
            )
