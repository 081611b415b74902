"""Health of a network camera: its state, losses and counts, and the log lines about them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from reid_tracker.types import SourceState, SourceStatus

_log = logging.getLogger(__name__)


class LiveHealth:
    """Records the state of one camera. The reading thread updates it, any thread may read it.

    Args:
        name: returns the camera's name, which a run may change later.
        label: its address without credentials.
        stall_after_s: a connected camera without a picture for longer is stalled.
        clock: seconds on a clock that does not jump.
    """

    def __init__(
        self,
        name: Callable[[], str],
        label: str,
        stall_after_s: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._label = label
        self._stall_after_s = stall_after_s
        self._clock = clock
        self._lock = threading.Lock()  # guards what follows
        self._lost: str | None = None
        self._announced = False
        self._logged: set[str] = set()  # reasons logged since the camera was lost
        self._lost_since_s = self._started_s = clock()
        self._live_since_s = self._arrived_s = 0.0
        self._frames = self._reconnects = 0

    @property
    def frames(self) -> int:
        """Pictures received since the start."""
        return self._frames

    def note_picture(self) -> None:
        """Count a picture, and log that the camera is back if it was gone."""
        now_s = self._clock()
        with self._lock:
            gone_s = None if self._lost is None else now_s - self._lost_since_s
            if gone_s is not None and self._frames:
                self._reconnects += 1
            if gone_s is not None or not self._frames:
                self._live_since_s, self._lost = now_s, None
            self._frames += 1
            self._arrived_s = now_s
        if gone_s is not None and self._announced:
            self._logged.clear()
            _log.warning("camera %s is live after %.1f s", self._name(), gone_s)

    def note_loss(self, reason: str) -> None:
        """Record why the camera is lost; a new reason is logged."""
        with self._lock:
            if self._lost is None:
                self._lost_since_s = self._clock()
            self._lost = reason
            announced = self._announced
        if announced:
            self._log_loss(reason)

    def note_end(self) -> None:
        """Record that the stream was a recording, not a camera, and has ended."""
        with self._lock:
            self._lost, self._lost_since_s = "the video ended", self._clock()
        _log.warning(
            "%s has ended, and was a recording; if it is a camera, use --live, or live: true in a "
            "list of cameras",
            self._label,
        )

    def announce(self) -> None:
        """Log losses from now on, and the current one if the camera is lost already.

        Until then, the caller that opens the camera reports problems.
        """
        with self._lock:
            self._announced, lost = True, self._lost
        if lost is not None:
            self._log_loss(lost)

    def status(self) -> SourceStatus:
        """Return the state and the counts."""
        now_s = self._clock()
        with self._lock:
            state, since_s = self._state(now_s)
            return SourceStatus(
                camera=self._name(),
                state=state,
                since_s=now_s - since_s,
                reason=self._lost or "",
                frames=self._frames,
                reconnects=self._reconnects,
                frame_age_s=now_s - self._arrived_s if self._frames else None,
            )

    def _state(self, now_s: float) -> tuple[SourceState, float]:
        """Return the state and its start; detects that a camera stalls."""
        if self._lost is not None:
            return SourceState.GONE, self._lost_since_s
        if not self._frames:
            return SourceState.CONNECTING, self._started_s
        stalled_s = self._arrived_s + self._stall_after_s
        if now_s > stalled_s:
            return SourceState.STALLED, stalled_s
        return SourceState.LIVE, self._live_since_s

    def _log_loss(self, reason: str) -> None:
        if reason not in self._logged:
            self._logged.add(reason)
            _log.warning(
                "camera %s (%s) is gone: %s; trying again", self._name(), self._label, reason
            )
