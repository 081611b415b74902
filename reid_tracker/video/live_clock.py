"""Capture times of a live camera: by its own clock if plausible, else by arrival."""

from __future__ import annotations

import time

from reid_tracker.types import ClockSource

_WALL_MINUS_MONOTONIC_S = time.time() - time.monotonic()

_BACKWARDS_S = 0.5  # timestamps that go back by more have restarted
_SLOW_S = 3.0  # times ahead by less run slower until corrected, instead of going back
_EARLY_S, _LATE_S = 1.0, 10.0  # a trusted clock: pictures arrive at most this early or late
_BACKLOG_S = 30.0  # more than any network delays
_DRIFT = 5e-4  # assumed drift of quartz clocks; ten times the usual
_LEAST_STEP_S = 1e-3


def utc_now() -> float:
    """Return UTC seconds since 1970; steps of this machine's clock are ignored."""
    return time.monotonic() + _WALL_MINUS_MONOTONIC_S


class LiveClock:
    """Assigns increasing capture times to the pictures of one camera.

    A stream's timestamps are evenly spaced but start anywhere. RTCP gives their start by the
    camera's clock, which is used unless it is obviously wrong (many cameras start in 1970).
    Otherwise the start follows from the smallest delay so far between timestamp and arrival, so
    that pictures delayed by the network still get the time at which they were taken.

    Attributes:
        source: the clock that gave the last picture its time.
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
        """Restart after a reconnect: timestamps may start anywhere; results still increase."""
        self._anchor_s: float | None = None
        self._last_pts_s: float | None = None
        self._last_arrival_s = 0.0
        self._distrusted = False

    def time_s(self, pts_s: float | None, start_s: float | None, arrival_s: float) -> float:
        """Return the capture time of a picture, in UTC seconds since 1970.

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
            # Half as fast as the camera until the times agree, but never into the future.
            ahead = self._last_s > arrival_s
            step_s = 0.0 if ahead else min(period_s / 2, 0.1)
            result = self._last_s + max(step_s, _LEAST_STEP_S)
        self._last_s = result
        return result

    def _follow(self, pts_s: float, arrival_s: float) -> float:
        """Return this machine's time at timestamp 0, plus the smallest delay so far."""
        anchor_s = arrival_s - pts_s
        if self._anchor_s is not None and self._last_pts_s is not None:
            passed_s = arrival_s - self._last_arrival_s
            stepped_s = pts_s - self._last_pts_s
            # After a pause of the network, many pictures arrive at once; this is not a jump.
            jumped = stepped_s < -_BACKWARDS_S or stepped_s - passed_s > _EARLY_S
            if jumped or anchor_s - self._anchor_s > _BACKLOG_S:
                self.jumps += 1
                self._distrusted = True  # RTCP's start of the timestamps is no longer valid
            else:
                # Timestamps that go back a little may have restarted; a smaller delay later
                # disproves it.
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
