"""Live network cameras: a thread reads each camera and keeps the newest picture.

A failing camera does not affect the others: `poll` returns at once, with or without a frame.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from reid_tracker.config import StreamConfig
from reid_tracker.errors import SourceError
from reid_tracker.types import Frame, SourceStatus, VideoInfo
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import DecodedPicture
from reid_tracker.video.live_clock import LiveClock, utc_now
from reid_tracker.video.live_health import LiveHealth
from reid_tracker.video.live_reader import LiveReader
from reid_tracker.video.picture import to_upright_bgr
from reid_tracker.video.source import BaseSource

_log = logging.getLogger(__name__)

_NOMINAL_RATE = Fraction(25)  # before a camera states its rate, or if it never does


class _Waiting(NamedTuple):
    """The newest picture that has not been returned yet."""

    picture: DecodedPicture
    number: int
    captured_s: float
    frame_rate: Fraction


class NetworkCamera(BaseSource):
    """An endless RTSP or other network stream.

    Iterating waits for frames and ends when the source is closed; `poll` does not wait. Both return
    the newest frame and drop the ones in between. If the stream is a video that ends, the source
    closes.

    Args:
        address: of the camera.
        name: stem for output files; must hold no credentials.
        config: time-outs, waits, transport and hardware.
        stride: every n-th picture is returned.
        rotate: degrees by which pictures are turned clockwise: 0, 90, 180 or 270.

    Attributes:
        label: its address without credentials.
        info: size 0 x 0 until the camera has delivered its first picture.
        began_s: UTC seconds since 1970 at timestamp 0; None takes the first frame's time.
    """

    def __init__(
        self,
        address: StreamAddress,
        name: str,
        config: StreamConfig,
        stride: int = 1,
        rotate: int = 0,
    ) -> None:
        super().__init__(name, VideoInfo(0, 0, _NOMINAL_RATE), stride, live=True)
        self.label = address.label
        self.began_s: float | None = None
        self._rotate = rotate
        self._health = LiveHealth(lambda: self.name, address.label, config.stall_after_s)
        self._feed = _Feed(self._health, stride)
        self._reader = LiveReader(address, name, config, self._feed)

    def poll(self) -> Frame | None:
        """Return the newest frame that was not returned yet, or None; does not wait.

        Raises:
            SourceError: reading has stopped because of an error in this program.
        """
        over = self._feed.over  # checked first: no picture comes after it
        waiting = self._feed.pop()
        if waiting is None and over:
            self.close()
        if waiting is None or self._closed:
            return None
        image = to_upright_bgr(waiting.picture.frame, self._rotate)
        height, width = image.shape[:2]
        self.info = VideoInfo(width, height, waiting.frame_rate)
        if self.began_s is None:
            self.began_s = waiting.captured_s
        timestamp_s = waiting.captured_s - self.began_s
        return Frame(image, waiting.number, timestamp_s, waiting.captured_s)

    def ring(self, bell: threading.Event) -> None:
        """Set `bell` whenever there is a new frame; several cameras may share one."""
        self._feed.bell = bell
        bell.set()  # there may be one already

    def waiting_since(self) -> float | None:
        """Return the capture time of the frame that `poll` would return, UTC seconds since 1970."""
        return self._feed.waiting_since()

    def status(self) -> SourceStatus:
        """Return the camera's current state."""
        return self._feed.status()

    def announce(self) -> None:
        """Log losses from now on, and also if the camera is lost already."""
        self._health.announce()

    def close(self) -> None:
        """Stop reading; closing twice is harmless."""
        self._feed.bell.set()  # ends an iteration that waits in another thread
        super().close()

    def _read(self) -> Iterator[Frame]:
        bell = threading.Event()
        self.ring(bell)
        while not self._closed:
            bell.wait(1.0)
            bell.clear()
            if (frame := self.poll()) is not None:
                yield frame

    def _release(self) -> None:
        self._reader.stop()


class _Feed:
    """Receives pictures from the thread, and keeps the newest one.

    Args:
        health: notified of pictures and losses.
        stride: every n-th picture is kept.

    Attributes:
        bell: set whenever there is news.
        over: whether it was a recording that was read to its end.
    """

    def __init__(self, health: LiveHealth, stride: int) -> None:
        self.bell = threading.Event()
        self.over = False
        self._health = health
        self._stride = stride
        self._clock = LiveClock()
        self._lock = threading.Lock()  # guards what follows
        self._waiting: _Waiting | None = None
        self._failure: BaseException | None = None
        self._dropped = self._damaged = 0

    def connected(self) -> None:
        self._clock.connected()

    def take(self, picture: DecodedPicture, frame_rate: Fraction | None, damaged: int) -> None:
        """Store a picture for `pop`, in place of an older one."""
        jumps = self._clock.jumps
        captured_s = self._clock.time_s(picture.pts_s, picture.start_s, utc_now())
        number = self._health.frames
        wanted = number % self._stride == 0
        with self._lock:
            self._damaged = damaged
            if wanted:
                self._dropped += self._waiting is not None
                rate = frame_rate or _NOMINAL_RATE
                self._waiting = _Waiting(picture, number, captured_s, rate)
        self._health.note_picture()
        if wanted:
            self.bell.set()
        if self._clock.jumps > jumps == 0:
            _log.warning(
                "the clock of camera %s jumped; times of arrival are used instead (later jumps are "
                "counted, not logged)",
                self._health.status().camera,
            )

    def lost(self, reason: str) -> None:
        self._health.note_loss(reason)

    def ended(self) -> None:
        self._health.note_end()
        self.over = True
        self.bell.set()

    def failed(self, error: BaseException) -> None:
        with self._lock:
            self._failure = error
        self.bell.set()

    def pop(self) -> _Waiting | None:
        with self._lock:
            waiting, self._waiting = self._waiting, None
            failure = self._failure
        if failure is not None:
            # Without its text, which may hold an address with a password.
            camera = self._health.status().camera
            raise SourceError(f"reading {camera} ended by a {type(failure).__name__}")
        return waiting

    def waiting_since(self) -> float | None:
        with self._lock:
            return None if self._waiting is None else self._waiting.captured_s

    def status(self) -> SourceStatus:
        with self._lock:
            return replace(
                self._health.status(),
                dropped=self._dropped,
                damaged=self._damaged,
                clock=self._clock.source,
                clock_offset_s=self._clock.offset_s,
                clock_jumps=self._clock.jumps,
            )
