"""The interface of sinks, and a group that writes to several."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, runtime_checkable

from reid_tracker.closing import Closing
from reid_tracker.types import FrameResult, IdentityEvent


@runtime_checkable
class Sink(Protocol):
    """Takes the results of one camera, frame by frame, in order.

    Attributes:
        path: the file or folder that is written.
    """

    path: Path

    def write(self, result: FrameResult) -> None:
        """Write one frame; the output stays readable if the run is interrupted.

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


@runtime_checkable
class SharedSink(Sink, Protocol):
    """Takes the results of all cameras of a run."""

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Take identity events that belong to no frame, such as those after the last one.

        Raises:
            OutputError: the file cannot be written.
        """
        ...


class BaseSink(Closing):
    """Handles the with-statement and closes only once; a subclass closes its file in `_finish`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._closed = False

    @abstractmethod
    def write(self, result: FrameResult) -> None:
        """Write one frame."""

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Take identity events that belong to no frame; most outputs do not need them."""

    def _finish(self) -> None:
        """Finish the output; called once."""

    def close(self) -> None:
        """Finish the output; closing twice is harmless."""
        if not self._closed:
            self._closed = True
            self._finish()


class SinkGroup(Closing):
    """Several sinks used as one; each is closed even if closing another fails.

    Args:
        sinks: in the order in which they are written and closed; the group closes them.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)

    def write(self, result: FrameResult) -> None:
        """Write one frame to every sink, in order; if one fails, the later ones do not get it."""
        for sink in self._sinks:
            sink.write(result)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Pass events that belong to no frame to every sink that takes them."""
        events = tuple(events)
        for sink in self._sinks:
            if isinstance(sink, SharedSink):
                sink.write_events(events)

    def close(self) -> None:
        """Close every sink.

        Raises:
            OutputError: a sink could not finish its file; all sinks were closed.
        """
        with ExitStack() as stack:
            for sink in reversed(self._sinks):
                stack.callback(sink.close)
