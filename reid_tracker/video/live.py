"""Live network cameras: a thread reads each, the newest picture waits, and a lost one is got back.

A camera that fails costs nobody but itself: whoever wants frames asks with `poll`, which never
waits.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from reid_tracker.config import StreamConfig
from reid_tracker.errors import SourceError
from reid_tracker.types import Frame, SourceState, SourceStatus, VideoInfo
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import Connection, ConnectionBroken, Picture
from reid_tracker.video.live_clock import LiveClock, utc_now
from reid_tracker.video.picture import to_upright_bgr
from reid_tracker.video.source import BaseSource

_log = logging.getLogger(__name__)

_NOMINAL_RATE = Fraction(25)  # until, or where, a camera does not tell
_JOIN_S = 0.1  # each; a run of many frozen cameras must end within 2 s, too
_SOUND_S = 5.0  # a connection that lasted this long was no failed attempt
_MOST_REFUSED = 10  # times `refused_after_s`


class _Waiting(NamedTuple):
    """The newest picture that nobody has taken yet."""

    picture: Picture
    number: int
    captured_s: float


class NetworkCamera(BaseSource):
    """An RTSP or other network stream that is read for ever.

    Iterating waits for frames and ends when the source is closed; `poll` does not wait. Either
    gives the newest frame and drops those in between.

    Args:
        address: of the camera.
        name: stem for output files; must hold no credentials.
        config: time-outs, waits, transport and hardware.
        stride: every n-th picture is given out.
        rotate: degrees by which pictures are turned clockwise: 0, 90, 180 or 270.

    Attributes:
        label: its address without credentials.
        info: size 0 x 0 until the camera has delivered its first picture.
        began_s: UTC seconds since 1970 that count as 0 in timestamps; None takes the first frame's.
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
        self._address = address
        self._config = config
        self._rotate = rotate
        self._clock = LiveClock()
        self._stop = threading.Event()
        self._bell = threading.Event()
        self._lock = threading.Lock()  # guards what follows
        self._waiting: _Waiting | None = None
        self._failure: BaseException | None = None
        self._lost: ConnectionBroken | None = None
        self._announced = False
        self._told: set[str] = set()  # reasons that were logged since it was lost
        self._lost_since_s = self._started_s = time.monotonic()
        self._live_since_s = self._arrived_s = 0.0
        self._received = self._dropped = self._damaged = self._reconnects = 0
        self._rate = _NOMINAL_RATE
        # A daemon: a read that blocks when the program ends must not hold it up.
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)
        self._thread.start()

    def poll(self) -> Frame | None:
        """Return the newest frame if there is one that was not given out yet. Does not wait.

        Raises:
            SourceError: reading has ended for good, by an error of this program.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, None
            failure, rate = self._failure, self._rate
        if failure is not None:
            # Not its text, which may hold what libav was given.
            raise SourceError(f"reading {self.name} ended by a {type(failure).__name__}")
        if waiting is None or self._closed:
            return None
        image = to_upright_bgr(waiting.picture.frame, self._rotate)
        height, width = image.shape[:2]
        self.info = VideoInfo(width, height, rate)
        if self.began_s is None:
            self.began_s = waiting.captured_s
        timestamp_s = waiting.captured_s - self.began_s
        return Frame(image, waiting.number, timestamp_s, waiting.captured_s)

    def ring(self, bell: threading.Event) -> None:
        """Set `bell` whenever there is a new frame; several cameras may share one."""
        self._bell = bell
        bell.set()  # there may be one already

    def waiting_since(self) -> float | None:
        """Return when the frame that `poll` would give was captured, UTC seconds since 1970."""
        with self._lock:
            return None if self._waiting is None else self._waiting.captured_s

    def status(self) -> SourceStatus:
        """Return how the camera is doing now."""
        now = time.monotonic()
        with self._lock:
            state, since, reason = self._state(now)
            return SourceStatus(
                camera=self.name,
                state=state,
                since_s=now - since,
                reason=reason,
                frames=self._received,
                dropped=self._dropped,
                damaged=self._damaged,
                reconnects=self._reconnects,
                frame_age_s=now - self._arrived_s if self._received else None,
                clock=self._clock.source,
                clock_offset_s=self._clock.offset_s,
                clock_jumps=self._clock.jumps,
            )

    def announce(self) -> None:
        """Log losses from now on, and that the camera is gone already if it is.

        Until then, whoever opens the camera tells what is wrong.
        """
        with self._lock:
            self._announced, lost = True, self._lost
        if lost is not None:
            self._log_loss(lost)

    def _state(self, now: float) -> tuple[SourceState, float, str]:
        """Return state, since when, and why; the watchdog that sees a camera stall."""
        if self._lost is not None:
            return SourceState.GONE, self._lost_since_s, self._lost.reason
        if not self._received:
            return SourceState.CONNECTING, self._started_s, ""
        if now - self._arrived_s > self._config.stall_after_s:
            return SourceState.STALLED, self._arrived_s + self._config.stall_after_s, ""
        return SourceState.LIVE, self._live_since_s, ""

    def _read(self) -> Iterator[Frame]:
        bell = threading.Event()
        self.ring(bell)
        while not self._stop.is_set():
            bell.wait(1.0)
            bell.clear()
            if (frame := self.poll()) is not None:
                yield frame

    def _release(self) -> None:
        self._stop.set()
        self._bell.set()
        # Reading may block until its time-out; the thread then cleans up by itself.
        self._thread.join(_JOIN_S)

    # What follows runs in the camera's thread.

    def _run(self) -> None:
        failed = 0
        try:
            while not self._stop.is_set():
                began = time.monotonic()
                broken = self._connect_and_read()
                if self._stop.is_set():
                    break
                failed = 1 if time.monotonic() - began > _SOUND_S else failed + 1
                self._note_loss(broken)
                self._stop.wait(self._wait_s(broken, failed))
        except BaseException as error:  # given to whoever polls
            with self._lock:
                self._failure = error
            self._bell.set()

    def _connect_and_read(self) -> ConnectionBroken:
        """Read one connection to its end, and return why it ended."""
        try:
            connection = Connection(self._address, self._config)
        except ConnectionBroken as broken:
            return broken
        except Exception as error:  # whatever PyAV makes of a camera, it concerns no other
            return ConnectionBroken(f"unexpected {type(error).__name__} while connecting")
        damaged = self._damaged
        self._clock.connected()
        try:
            for picture in connection.pictures():
                self._take(picture, connection.frame_rate, damaged + connection.damaged)
                if self._stop.is_set():
                    break
        except ConnectionBroken as broken:
            return broken
        except Exception as error:
            return ConnectionBroken(f"unexpected {type(error).__name__} while reading")
        finally:
            connection.close()
        return ConnectionBroken("closed")

    def _take(self, picture: Picture, rate: Fraction | None, damaged: int) -> None:
        """Put a picture where `poll` finds it, in place of an older one."""
        arrived_s = time.monotonic()
        jumps = self._clock.jumps
        captured_s = self._clock.time_s(picture.pts_s, picture.start_s, utc_now())
        with self._lock:
            index, self._damaged = self._received, damaged
            self._received += 1
            back_after_s = arrived_s - self._lost_since_s if self._lost is not None else None
            if index and back_after_s is not None:
                self._reconnects += 1
            if back_after_s is not None or not index:
                self._live_since_s, self._lost = arrived_s, None
                self._rate = rate or _NOMINAL_RATE
            self._arrived_s = arrived_s
            if index % self._stride == 0:
                self._dropped += self._waiting is not None
                self._waiting = _Waiting(picture, index, captured_s)
        if index % self._stride == 0:
            self._bell.set()
        if back_after_s is not None and self._announced:
            self._told.clear()
            _log.warning("camera %s is live after %.1f s", self.name, back_after_s)
        if self._clock.jumps > jumps == 0:
            _log.warning(
                "the clock of camera %s jumped; times of arrival are used instead (later jumps are "
                "counted, not logged)",
                self.name,
            )

    def _note_loss(self, broken: ConnectionBroken) -> None:
        """Remember why the camera is gone, and say so where that is news."""
        with self._lock:
            if self._lost is None:
                self._lost_since_s = time.monotonic()
            self._lost = broken
            announced = self._announced
        if announced:
            self._log_loss(broken)

    def _log_loss(self, lost: ConnectionBroken) -> None:
        if lost.reason in self._told:
            return
        self._told.add(lost.reason)
        _log.warning(
            "camera %s (%s) is gone: %s; trying again", self.name, self._address, lost.reason
        )

    def _wait_s(self, broken: ConnectionBroken, failed: int) -> float:
        """Return the wait before the next attempt, after `failed` of them, at least 1."""
        config = self._config
        factor = float(2 ** min(failed - 1, 30))
        if broken.refused:
            return config.refused_after_s * min(factor, _MOST_REFUSED)
        return min(config.reconnect_after_s * factor, config.reconnect_most_s)
