"""When a live camera took its pictures: by its own clock if that is plausible, else by arrival."""

from __future__ import annotations

import time

from reid_tracker.types import ClockSource

_WALL_MINUS_MONOTONIC_S = time.time() - time.monotonic()

_BACKWARDS_S = 0.5  # timestamps go back by more only if they restart
_SLOW_S = 3.0  # times that must go back by less run slower for a while instead
_EARLY_S, _LATE_S = 1.0, 10.0  # trusted: pictures seem to arrive this early, or this late
_BACKLOG_S = 30.0  # more than any network holds back
_DRIFT = 5e-4  # by which quartz clocks may differ; ten times what they do
_LEAST_STEP_S = 1e-3


def utc_now() -> float:
    """Return UTC seconds since 1970 that never jump: a step of this machine's clock is ignored."""
    return time.monotonic() + _WALL_MINUS_MONOTONIC_S


class LiveClock:
    """Gives the pictures of one camera capture times that always increase.

    A stream's own timestamps are evenly spaced but start anywhere. RTCP gives the time of their
    start by the camera's clock, which is used unless it is obviously wrong (cameras that wake up in
    1970 are common). Without it, the start follows from the smallest delay so far between timestamp
    and arrival, so that pictures that were held up by the network still get the time at which they
    were taken.

    Attributes:
        source: which clock gave the last picture its time.
        offset_s: smallest delay between the camera's clock and arrival; None without such a clock.
        jumps: how often the camera's clock or timestamps jumped.
    """

    def __init__(self) -> None:
        self.source: ClockSource = "arrival"
        self.offset_s: float | None = None
        self.jumps = 0
        self._last_s: float | None = None
        self.connected()

    def connected(self) -> None:
        """Start again after a reconnect: timestamps may start anywhere; results still increase."""
        self._anchor_s: float | None = None
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._distrusted = False

    def time_s(self, pts_s: float | None, start_s: float | None, arrival_s: float) -> float:
        """Return when a picture was taken, in UTC seconds since 1970.

        Args:
            pts_s: the stream's timestamp in seconds, or None.
            start_s: see `DecodedPicture.start_s`.
            arrival_s: `utc_now()` when the picture arrived.
        """
        result = arrival_s
        self.source = "arrival"
        period_s = 0.0
        if pts_s is not None:
            if self._last_pts_s is not None:
                period_s = pts_s - self._last_pts_s
            anchor_s = self._follow(pts_s, arrival_s)
            result = anchor_s + pts_s
            if start_s is not None and not self._distrusted:
                self.offset_s = anchor_s - start_s
                result = self._choose(start_s + pts_s, result)
            self._last_pts_s, self._last_arrival_s = pts_s, arrival_s
        if self._last_s is not None and result < self._last_s + _LEAST_STEP_S:
            # Half as fast as the camera until it has caught up, but never into the future.
            ahead = self._last_s > arrival_s
            step_s = 0.0 if ahead else min(period_s / 2, 0.1)
            result = self._last_s + max(step_s, _LEAST_STEP_S)
        self._last_s = result
        return result

    def _follow(self, pts_s: float, arrival_s: float) -> float:
        """Return when timestamps were 0 by this machine's clock, plus the smallest delay so far."""
        anchor_s = arrival_s - pts_s
        if self._anchor_s is not None and self._last_pts_s is not None:
            passed_s = arrival_s - self._last_arrival_s
            stepped_s = pts_s - self._last_pts_s
            # Behind a pause of the network, many pictures arrive at once; that is no jump.
            jumped = stepped_s < -_BACKWARDS_S or stepped_s - passed_s > _EARLY_S
            if jumped or anchor_s - self._anchor_s > _BACKLOG_S:
                self.jumps += 1
                self._distrusted = True  # what RTCP said of timestamps no longer holds
            else:
                # Timestamps that go back a little may have restarted; a smaller delay shows if not.
                restarted_s = passed_s - stepped_s if stepped_s < 0 else 0.0
                later_s = max(_DRIFT * passed_s, restarted_s)
                anchor_s = min(anchor_s, self._anchor_s + later_s)
        self._anchor_s = anchor_s
        return anchor_s

    def _choose(self, by_camera_s: float, by_arrival_s: float) -> float:
        """Return the camera's own time, unless it is wrong or would go back."""
        if not -_EARLY_S <= by_arrival_s - by_camera_s <= _LATE_S:
            return by_arrival_s
        if self._last_s is not None and by_camera_s < self._last_s - _SLOW_S:
            self.jumps += 1
            self._distrusted = True
            return by_arrival_s
        self.source = "rtcp"
        return by_camera_s
