"""One camera of a camera host: the times of its frames, and how it is doing."""

from __future__ import annotations

import time
from typing import NamedTuple

from reid_tracker.edge.reporter import MessageNumbers
from reid_tracker.transport import CameraMessage
from reid_tracker.transport.wire.messages import CameraState
from reid_tracker.types import ClockSource, Frame
from reid_tracker.video import LiveSource, Source

_LONGEST_REASON = 500
_SILENT_S = 1.0
_LEAST_STEP_S = 1e-3


class Counts(NamedTuple):
    """What a camera has done since the start.

    Attributes:
        read: frames that came.
        dropped: frames left out since newer ones were there.
        reconnects: times that it came back.
        clock_jumps: times that its clock jumped.
        damaged: frames that could not be decoded whole.
        clock_offset_s: how far its clock is behind the arrival of its frames; None if it has none.
        frame_age_s: time since the newest frame came; None before the first.
    """

    read: int
    dropped: int = 0
    reconnects: int = 0
    clock_jumps: int = 0
    damaged: int = 0
    clock_offset_s: float | None = None
    frame_age_s: float | None = None


class EdgeCamera:
    """A source as the centre is told of it.

    Args:
        source: is not closed here.
        start_s: UTC seconds since 1970 at time 0 of sources that do not tell the time.

    Attributes:
        name: of the source.
        processed: frames that went through the pipeline.
    """

    def __init__(self, source: Source, start_s: float) -> None:
        self.name = source.name
        self.processed = 0
        self._source, self._start_s = source, start_s
        self._ended = ""
        self._told: tuple[CameraState, str] | None = None
        self._told_s = self._came_s = time.monotonic()
        self._told_processed = 0
        self._now_s: float | None = None

    @property
    def state(self) -> tuple[CameraState, str]:
        """How it is doing, and in words why it is gone; a file is live until its end."""
        if self._ended:
            return "gone", self._ended
        if not isinstance(self._source, LiveSource):
            return "live", ""
        status = self._source.status()
        return status.state.value, status.reason[:_LONGEST_REASON]

    @property
    def clock(self) -> ClockSource:
        """Where the times of its frames come from."""
        if isinstance(self._source, LiveSource):
            return self._source.status().clock
        return "arrival" if self._source.live else "file"

    def counts(self) -> Counts:
        """Return what it has done; from any thread."""
        if not isinstance(self._source, LiveSource):
            age_s = time.monotonic() - self._came_s if self.processed else None
            return Counts(self.processed, frame_age_s=age_s)
        status = self._source.status()
        return Counts(
            status.frames,
            status.dropped,
            status.reconnects,
            status.clock_jumps,
            status.damaged,
            status.clock_offset_s,
            status.frame_age_s,
        )

    def take(self, frame: Frame) -> float:
        """Count a frame, and return when it was taken, UTC seconds since 1970; times rise.

        Where those of a file go back, the clock waits until they have caught up.
        """
        self.processed += 1
        self._came_s = time.monotonic()
        captured_s = frame.captured_s
        time_s = self._start_s + frame.timestamp_s if captured_s is None else captured_s
        if self._now_s is not None:
            time_s = max(time_s, self._now_s + _LEAST_STEP_S)
        self._now_s = time_s
        return time_s

    def silent_now(self) -> float | None:
        """Return what time it is by the clock of a live camera whose last frame is long ago.

        None where frames come, never came, or have all the time they want, as those of files. A
        frame that waits for this program has come.
        """
        if self._now_s is None or not isinstance(self._source, LiveSource):
            return None
        age_s = self._source.status().frame_age_s
        return None if age_s is None or age_s <= _SILENT_S else self._now_s + age_s

    def end(self, reason: str) -> None:
        """Note that no more frames come."""
        self._ended = self._ended or reason

    def news(self, numbers: MessageNumbers, every_s: float) -> CameraMessage | None:
        """Return the state if it has changed, or was told long enough ago."""
        state, now_s = self.state, time.monotonic()
        passed_s = now_s - self._told_s
        if state == self._told and passed_s < every_s:
            return None
        rate = (self.processed - self._told_processed) / max(passed_s, 0.1)
        self._told, self._told_s, self._told_processed = state, now_s, self.processed
        counts = self.counts()
        return CameraMessage(
            edge=numbers.edge,
            boot=numbers.boot,
            edge_seq=numbers.next(),
            camera=self.name,
            time_s=time.time(),
            state=state[0],
            reason=state[1],
            clock=self.clock,
            frames=counts.read,
            dropped=counts.dropped,
            frame_rate=min(rate, 1e4),
            frame_age_s=counts.frame_age_s,
        )
