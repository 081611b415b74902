"""Timestamps of decoded frames: the container's if it has them, always increasing."""

from __future__ import annotations

from fractions import Fraction

_JUMP_S = 1.0


class PresentationClock:
    """Turns presentation timestamps into seconds from the first frame.

    Containers lie: timestamps may be missing, repeated, or restart in the middle (a camera that
    restarted). A tracker needs time that moves forward, so each call returns more than the last.

    Args:
        frame_rate: frames per second, used if the container gives no time.
    """

    def __init__(self, frame_rate: Fraction) -> None:
        self._period = 1 / frame_rate
        self._origin: Fraction | None = None
        self._last_s: float | None = None
        self._anchor_index = 0
        self._anchor_s = 0.0

    def time_s(self, index: int, pts: int | None, time_base: Fraction | None) -> float:
        """Return the time of a frame.

        Args:
            index: number of the frame; must grow from call to call.
            pts: presentation timestamp in units of `time_base`, or None if missing.
            time_base: seconds per unit of `pts`.

        Returns:
            Seconds since the first call, greater than every earlier result.
        """
        if self._last_s is None:
            self._anchor_index = index
        by_rate = self._anchor_s + float((index - self._anchor_index) * self._period)
        time_s = by_rate
        if pts is not None and time_base is not None:
            time_s = self._from_pts(pts * time_base, by_rate)
        if self._last_s is not None and time_s <= self._last_s:
            # Half a period, so that a repeated timestamp does not push the frames behind it.
            time_s = self._last_s + float(self._period / 2)
        if time_s != by_rate:
            self._anchor_index, self._anchor_s = index, time_s
        self._last_s = time_s
        return time_s

    def _from_pts(self, pts_s: Fraction, by_rate: float) -> float:
        """Return seconds from the first frame for an absolute presentation time in seconds."""
        if self._origin is None:
            self._origin = pts_s - Fraction(by_rate)
        time_s = float(pts_s - self._origin)
        if self._last_s is not None and time_s < self._last_s - _JUMP_S:
            self._origin = pts_s - Fraction(by_rate)
            return by_rate
        return time_s
