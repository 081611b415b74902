"""What every source of frames offers, and the parts they share."""

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
        live: whether frames are lost when they are not read in time (a camera or a stream).
    """

    name: str
    info: VideoInfo
    live: bool

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order of presentation; the source closes itself after the last.

        A loop that was left early can be taken up again; a closed source raises SourceError.
        """
        ...

    def close(self) -> None:
        """Release the file or device; closing twice is harmless."""
        ...


@runtime_checkable
class LiveSource(Source, Protocol):
    """A camera that is polled: it has a new frame, or not yet.

    Attributes:
        label: its address without credentials.
        began_s: UTC seconds since 1970 that count as 0 in its timestamps; None takes the first
            frame's. Set it alike to give several cameras one time.
    """

    label: str
    began_s: float | None

    @property
    def closed(self) -> bool:
        """Whether the source was closed."""
        ...

    def poll(self) -> Frame | None:
        """Return the newest frame if it was not given out yet, None if there is none. Never waits.

        Raises:
            SourceError: the camera cannot be read any more, not even later.
        """
        ...

    def ring(self, bell: threading.Event) -> None:
        """Have `bell` set whenever there is a new frame; several cameras may share one."""
        ...

    def waiting_since(self) -> float | None:
        """Return when the frame that `poll` would give was captured, UTC seconds since 1970."""
        ...

    def status(self) -> SourceStatus:
        """Return how the camera is doing now, from any thread."""
        ...

    def announce(self) -> None:
        """Log from now on when the camera is lost and comes back."""
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
        self._closed = False
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
        """Release the file or device; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._release()

    def _read_to_end(self) -> Iterator[Frame]:
        # The generator's end, whether regular or by an error, releases the source, so that a loop
        # needs no with-statement.
        try:
            for frame in self._read():
                yield frame
                if self._closed:
                    return
        finally:
            self.close()
