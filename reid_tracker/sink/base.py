"""What every sink offers, and a group that writes to several."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, runtime_checkable

from reid_tracker.closing import Closing
from reid_tracker.types import FrameResult


@runtime_checkable
class Sink(Protocol):
    """Takes the results of one camera, frame by frame, in order.

    Attributes:
        path: the file or folder that is written.
    """

    path: Path

    def write(self, result: FrameResult) -> None:
        """Write one frame; what is written stays readable should the run be interrupted.

        Raises:
            OutputError: the disk is full, or the file cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish the output; closing twice is harmless.

        Raises:
            OutputError: the last part cannot be written.
        """
        ...


class BaseSink(Closing):
    """The with-statement and closing only once; a subclass finishes its output in `_finish`.

    Args:
        path: the file or folder that is written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = False

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Write one frame."""

    @abstractmethod
    def _finish(self) -> None:
        """Finish the output; called once."""

    def close(self) -> None:
        """Finish the output; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._finish()


class SinkGroup(Closing):
    """Several sinks used as one, without a path; each is closed even where another fails to.

    Args:
        sinks: owned by the group from here on.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)

    def write(self, result: FrameResult) -> None:
        """Write one frame to every sink, in order.

        Raises:
            OutputError: a sink failed; the ones behind it have not received the frame.
        """
        for sink in self._sinks:
            sink.write(result)

    def close(self) -> None:
        """Close every sink.

        Raises:
            OutputError: a sink could not finish; all others were closed nevertheless.
        """
        with ExitStack() as stack:
            for sink in reversed(self._sinks):
                stack.callback(sink.close)
