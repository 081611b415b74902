"""Decides which messages of a site to accept; counts refused ones by reason."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable

from reid_tracker.central.records import camera_name, sighting_id
from reid_tracker.config import CentralConfig
from reid_tracker.errors import MessageError
from reid_tracker.transport import CameraMessage, TrackletMessage

logger = logging.getLogger(__name__)

REASONS = ("name", "cameras")
"""Reasons for refusal: the names are too long, or the host has too many cameras."""

_FORGET_AFTER_S = 3600.0
_MAX_HOSTS = 1000


class Admission:
    """Checks the messages of one site before they are matched.

    Args:
        site: name of the place.
        config: gives `most_cameras`, the limit for each host.
        counts: refused messages are counted here by reason.
        monotonic: seconds on a clock that does not jump.
    """

    def __init__(
        self,
        site: str,
        config: CentralConfig,
        counts: Counter[str],
        monotonic: Callable[[], float],
    ) -> None:
        self._site, self._counts, self._monotonic = site, counts, monotonic
        self._most_cameras = config.most_cameras
        # By host and camera: time of the last message. Both are ordered, the most recent last.
        self._cameras: OrderedDict[str, OrderedDict[str, float]] = OrderedDict()
        self._logged: set[str] = set()

    def admits(self, message: TrackletMessage | CameraMessage) -> bool:
        """Return whether to accept a message; count refusals, and log the first of each reason."""
        try:
            if isinstance(message, TrackletMessage):
                self._check_name(message)
            self._check_cameras(message.edge, message.camera)
        except _RefusalError as refusal:
            self._counts[refusal.reason] += 1
            if refusal.reason not in self._logged:
                self._logged.add(refusal.reason)
                logger.warning("refused a message: %s", refusal)
            return False
        return True

    def _check_name(self, message: TrackletMessage) -> None:
        try:
            sighting_id(self._site, message.key)
        except MessageError as error:
            raise _RefusalError("name", str(error)) from None

    def _check_cameras(self, edge: str, camera: str) -> None:
        now_s = self._monotonic()
        cameras = self._cameras.setdefault(edge, OrderedDict())
        self._cameras.move_to_end(edge)
        if len(self._cameras) > _MAX_HOSTS:
            self._cameras.popitem(last=False)
        if camera not in cameras and len(cameras) >= self._most_cameras:
            first, heard_s = next(iter(cameras.items()))
            if now_s - heard_s <= _FORGET_AFTER_S:
                raise _RefusalError(
                    "cameras",
                    f"host {edge[:100]!r} of site {self._site!r} has more than "
                    f"{self._most_cameras} cameras (central.most_cameras); refused "
                    f"{camera_name(edge, camera)[:100]!r}; check the camera names of the host",
                )
            del cameras[first]
        cameras[camera] = now_s
        cameras.move_to_end(camera)


class _RefusalError(Exception):
    """Why a message is refused."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason
