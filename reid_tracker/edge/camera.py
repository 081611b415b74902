"""One camera of a camera host: the times of its frames, and its state."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import get_args

from reid_tracker.edge.reporter import MessageNumbers
from reid_tracker.monitor import Reading
from reid_tracker.transport import CameraMessage
from reid_tracker.transport.wire.messages import CameraState
from reid_tracker.transport.wire.record import MAX_REASON_BYTES
from reid_tracker.types import ClockSource, Frame, SourceStatus
from reid_tracker.video import LiveSource, Source

_SILENT_S = 1.0
_MIN_STEP_S = 1e-3


class EdgeCamera:
    """Gives the frames of a source their UTC times, and reports its state to the centre.

    Args:
        source: an open source; the caller closes it.
        start_s: UTC seconds since 1970 at time 0 of sources that do not know the time.

    Attributes:
        name: name of the source.
        processed: number of frames that went through the pipeline.
    """

    def __init__(self, source: Source, start_s: float) -> None:
        self.name = source.name
        self.processed = 0
        self._source = source
        self._start_s = start_s
        self._ended = ""
        self._sent: tuple[CameraState, str] | None = None
        self._sent_s = time.monotonic()
        self._sent_processed = 0
        self._came_s = self._sent_s
        self._now_s: float | None = None

    @property
    def state(self) -> tuple[CameraState, str]:
        """The state, and the reason why the camera is gone; a file is live until its end."""
        if self._ended:
            return "gone", self._ended
        status = self._status()
        if status is None:
            return "live", ""
        return status.state.value, status.reason[:MAX_REASON_BYTES]

    @property
    def clock(self) -> ClockSource:
        """Source of the frame times."""
        status = self._status()
        if status is not None:
            return status.clock
        return "arrival" if self._source.live else "file"

    @property
    def frame_age_s(self) -> float | None:
        """Seconds since the newest frame arrived; None before the first frame."""
        status = self._status()
        if status is not None:
            return status.frame_age_s
        return time.monotonic() - self._came_s if self.processed else None

    def readings(self) -> Iterator[Reading]:
        """Yield counts and states for `reid_tracker.monitor.Metrics`; any thread may call this."""
        status, label = self._status(), (self.name,)
        yield Reading("frames_total", self.processed, label)
        yield Reading("frames_dropped_total", status.dropped if status else 0, label)
        yield Reading("frames_damaged_total", status.damaged if status else 0, label)
        yield Reading("reconnects_total", status.reconnects if status else 0, label)
        yield Reading("clock_jumps_total", status.clock_jumps if status else 0, label)
        now = self.state[0]
        yield Reading("camera_up", now == "live", label)
        for state in get_args(CameraState):
            yield Reading("camera_state", now == state, (self.name, state))
        if (age_s := self.frame_age_s) is not None:
            yield Reading("frame_age_seconds", age_s, label)
        if status is not None and status.clock_offset_s is not None:
            yield Reading("clock_offset_seconds", status.clock_offset_s, label)

    def take(self, frame: Frame) -> float:
        """Count a frame and return when it was taken, in UTC seconds since 1970.

        The returned times always increase. Where the times of a file jump back, they advance by
        1 ms a frame until the file has caught up.
        """
        self.processed += 1
        self._came_s = time.monotonic()
        captured_s = frame.captured_s
        time_s = self._start_s + frame.timestamp_s if captured_s is None else captured_s
        if self._now_s is not None:
            time_s = max(time_s, self._now_s + _MIN_STEP_S)
        self._now_s = time_s
        return time_s

    def silent_now(self) -> float | None:
        """Return the current time on the clock of a live camera that has stopped sending frames.

        Returns None while frames arrive, before the first frame, and for files.
        """
        if self._now_s is None or not isinstance(self._source, LiveSource):
            return None
        age_s = self._source.status().frame_age_s
        return None if age_s is None or age_s <= _SILENT_S else self._now_s + age_s

    def end(self, reason: str) -> None:
        """Record that no more frames will come."""
        self._ended = self._ended or reason

    def state_message(self, numbers: MessageNumbers, every_s: float) -> CameraMessage | None:
        """Return a message if the state has changed or the last message is `every_s` old."""
        state, now_s = self.state, time.monotonic()
        passed_s = now_s - self._sent_s
        if state == self._sent and passed_s < every_s:
            return None
        rate = (self.processed - self._sent_processed) / max(passed_s, 0.1)
        self._sent = state
        self._sent_s = now_s
        self._sent_processed = self.processed
        status = self._status()
        return CameraMessage(
            edge=numbers.edge,
            boot=numbers.boot,
            edge_seq=numbers.next(),
            camera=self.name,
            time_s=time.time(),
            state=state[0],
            reason=state[1],
            clock=self.clock,
            frames=status.frames if status else self.processed,
            dropped=status.dropped if status else 0,
            frame_rate=min(rate, 1e4),
            frame_age_s=self.frame_age_s,
        )

    def _status(self) -> SourceStatus | None:
        """Return the state of a live source; None for others."""
        return self._source.status() if isinstance(self._source, LiveSource) else None
