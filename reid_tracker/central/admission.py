"""Decides which tracklets of a site can be matched and stored; counts the others by reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from reid_tracker.central.records import camera_name, sighting_id
from reid_tracker.config import CentralConfig
from reid_tracker.errors import MessageError
from reid_tracker.transport import TrackletMessage

logger = logging.getLogger(__name__)

REASONS = ("clock", "name", "cameras")
"""Reasons for refusal: a time in the future, names that are too long, too many cameras."""


class Admission:
    """Checks the messages of one site before they are matched.

    Args:
        site: name of the place.
        config: `ahead_s` and `most_cameras`.
        counts: refused messages are counted here, by reason.
        clock: UTC seconds since 1970.
    """

    def __init__(
        self,
        site: str,
        config: CentralConfig,
        counts: Counter[str],
        clock: Callable[[], float],
    ) -> None:
        self._site, self._config, self._counts, self._clock = site, config, counts, clock
        self._cameras: set[str] = set()
        self._logged: set[str] = set()

    def admits(self, message: TrackletMessage) -> bool:
        """Tell whether a message can be matched and stored; count it if not, and log the first."""
        try:
            self._check_time(message)
            self._check_names(message)
        except _RefusalError as refusal:
            self._counts[refusal.reason] += 1
            if refusal.reason not in self._logged:
                self._logged.add(refusal.reason)
                logger.warning("a message was refused: %s", refusal)
            return False
        return True

    def _check_time(self, message: TrackletMessage) -> None:
        ahead_s = message.end_s - self._clock()
        if ahead_s > self._config.ahead_s:
            raise _RefusalError(
                "clock",
                f"edge {message.edge!r} sends a time {ahead_s:.0f} s in the future, expected at "
                f"most {self._config.ahead_s:g}; set its clock by NTP",
            )

    def _check_names(self, message: TrackletMessage) -> None:
        try:
            sighting_id(self._site, message.key)
        except MessageError as error:
            raise _RefusalError("name", str(error)) from None
        camera = camera_name(message.edge, message.camera)
        if camera in self._cameras:
            return
        # The matcher holds tables over pairs of cameras, and never forgets a name.
        if len(self._cameras) >= self._config.most_cameras:
            raise _RefusalError(
                "cameras",
                f"site {self._site!r} has more than {self._config.most_cameras} cameras "
                f"(central.most_cameras), the first beyond is {camera[:100]!r}; check whether a "
                "host invents names, or split the site",
            )
        self._cameras.add(camera)


class _RefusalError(Exception):
    """Why a message cannot be used."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
