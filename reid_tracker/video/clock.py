"""Timestamps of decoded frames: from the container if possible, always increasing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

_JUMP_S = 1.0
LOOK_AHEAD = 5
"""Frames after a jump that decide whether the timeline has really changed."""


class PresentationClock:
    """Turns presentation timestamps into seconds from the first frame.

    Timestamps of containers may be missing, repeated, wrong in a few frames, or restart in the
    middle (a camera restarted, files were joined). A tracker needs increasing time, so each call
    returns more than the last.

    Args:
        frame_rate: frames per second, used if the container gives no time.
    """

    def __init__(self, frame_rate: Fraction) -> None:
        self._period = 1 / frame_rate
        self._origin: Fraction | None = None
        self._last_s: float | None = None
        self._anchor_index = 0
        self._anchor_s = 0.0

    def time_s(
        self,
        index: int,
        pts: int | None,
        time_base: Fraction | None,
        following: Callable[[], Sequence[int | None]] = tuple,
    ) -> float:
        """Return the time of a frame.

        Args:
            index: number of the frame; must grow from call to call.
            pts: presentation timestamp in units of `time_base`, or None if missing.
            time_base: seconds per unit of `pts`.
            following: returns the timestamps of the next `LOOK_AHEAD` frames; called at a jump.

        Returns:
            Seconds since the first call, greater than every earlier result.
        """
        if self._last_s is None:
            self._anchor_index = index
        by_rate = self._anchor_s + float((index - self._anchor_index) * self._period)
        time_s = by_rate
        if pts is not None and time_base is not None:
            if self._origin is None:
                self._origin = pts * time_base - Fraction(by_rate)
            time_s = float(pts * time_base - self._origin)
            if self._last_s is not None and not self._is_near(time_s - self._last_s):
                later = [float(one * time_base - self._origin) for one in following() if one]
                # After a wrong timestamp the old timeline continues; after a pause or restart it
                # does not.
                most = (self._last_s + time_s) / 2 if time_s > self._last_s else math.inf
                wrong = any(self._last_s < one < most for one in later)
                if not wrong and time_s < self._last_s:
                    self._origin = pts * time_base - Fraction(by_rate)
                if wrong or time_s < self._last_s:
                    time_s = by_rate
        if self._last_s is not None and time_s <= self._last_s:
            # Half a period, so that a repeated timestamp does not delay the following frames.
            time_s = self._last_s + float(self._period / 2)
        if time_s != by_rate:
            self._anchor_index, self._anchor_s = index, time_s
        self._last_s = time_s
        return time_s

    def _is_near(self, step_s: float) -> bool:
        """Whether a step from one frame to the next is normal rather than a jump."""
        period_s = float(self._period)
        return -period_s <= step_s <= max(_JUMP_S, 4 * period_s)
