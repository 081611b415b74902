"""The interface of all frame sources, and the code they share."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from reid_tracker.closing import Closing
from reid_tracker.errors import SourceError
from reid_tracker.types import Frame, SourceStatus, VideoInfo


@runtime_checkable
class Source(AbstractContextManager["Source", None], Protocol):
    """A video, image folder, camera or stream that is read once, from its first frame to its last.

    Attributes:
        name: stem for output files; holds no credentials and only letters that file systems accept.
        info: size, rate and length, known before the first frame is read.
        live: whether frames are lost if not read in time (a camera or a stream).
    """

    name: str
    info: VideoInfo
    live: bool

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order of presentation; the source closes itself after the last.

        A loop that was left early can be resumed; a closed source raises SourceError.
        """
        ...

    def close(self) -> None:
        """Release the file or device; closing twice is harmless."""
        ...


@runtime_checkable
class LiveSource(Source, Protocol):
    """A camera that is polled for new frames.

    Attributes:
        label: its address without credentials.
        began_s: UTC seconds since 1970 at timestamp 0; None takes the first frame's time. Cameras
            with the same value share one time.
    """

    label: str
    began_s: float | None

    @property
    def closed(self) -> bool:
        """Whether the source was closed."""
        ...

    def poll(self) -> Frame | None:
        """Return the newest frame, or None if there is no new one; never waits.

        Raises:
            SourceError: the camera cannot be read any more, not even later.
        """
        ...

    def ring(self, bell: threading.Event) -> None:
        """Set `bell` whenever there is a new frame; several cameras may share one."""
        ...

    def waiting_since(self) -> float | None:
        """Return the capture time of the frame that `poll` would return, UTC seconds since 1970."""
        ...

    def status(self) -> SourceStatus:
        """Return the camera's current state; any thread may call it."""
        ...

    def announce(self) -> None:
        """From now on, log when the camera is lost and when it comes back."""
        ...

    def __enter__(self) -> LiveSource:
        """Return the source itself."""
        ...


class BaseSource(Closing):
    """Closing, iteration and the with-statement; a subclass reads every n-th frame in `_read`."""

    def __init__(self, name: str, info: VideoInfo, stride: int, *, live: bool = False) -> None:
        self.name = name
        self.info = info
        self.live = live
        self._stride = stride
        self._closed = self._released = False
        self._busy = threading.Lock()  # held while a frame is read
        self._frames = self._read_to_end()

    @abstractmethod
    def _read(self) -> Iterator[Frame]:
        """Yield every n-th frame, where n is the stride."""

    @abstractmethod
    def _release(self) -> None:
        """Release the file or device; called once."""

    @property
    def closed(self) -> bool:
        """Whether the source was closed or read to its end."""
        return self._closed

    def __iter__(self) -> Iterator[Frame]:
        if self._closed:
            raise SourceError(
                f"'{self.name}' was read to its end or closed; call open_source again to re-read it"
            )
        return self._frames

    def close(self) -> None:
        """Release the file or device; closing twice is harmless.

        If another thread is reading a frame, that thread releases it afterwards.
        """
        self._closed = True
        if self._busy.acquire(blocking=False):
            try:
                if not self._released:
                    self._released = True
                    self._release()
            finally:
                self._busy.release()

    def _read_to_end(self) -> Iterator[Frame]:
        # The end of the generator, regular or by an error, releases the source, so that a loop
        # needs no with-statement.
        frames = self._read()
        try:
            while not self._closed:
                with self._busy:
                    frame = next(frames, None)
                if frame is None:
                    return
                yield frame
        finally:
            self.close()
