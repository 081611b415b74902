"""Reads several sources side by side: files in step, live sources as frames arrive."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import islice

from reid_tracker.errors import ConfigError
from reid_tracker.types import Frame, SourceState
from reid_tracker.video.source import LiveSource, Source

_LOOK_AGAIN_S = 0.5


class SourceGroup:
    """Reads frames of several sources, in batches of the sources that have a frame.

    All live sources share one time, which starts with the first frame of any of them.

    Args:
        sources: open sources; not closed here.
        frames_per_batch: frames per batch of each source that is not live.
        in_step: return the frames of all sources that are not live in order of time.

    Raises:
        ConfigError: two sources share a name.
    """

    def __init__(
        self, sources: Sequence[Source], frames_per_batch: int = 1, *, in_step: bool = False
    ) -> None:
        names = [source.name for source in sources]
        if len(set(names)) < len(names):
            raise ConfigError(f"sources share a name: {names}")
        self._frames_per_batch = frames_per_batch
        self._in_step = in_step
        self._live = [source for source in sources if isinstance(source, LiveSource)]
        self._readers: dict[str, Iterator[Frame]] = {
            source.name: iter(source) for source in sources if not isinstance(source, LiveSource)
        }
        self._ahead: dict[str, Frame] = {}
        self._ended: set[str] = set()
        self._began_s: float | None = None
        self._bell = threading.Event()
        for camera in self._live:
            camera.ring(self._bell)

    def add(self, source: Source) -> None:
        """Also read another open source from now on.

        Raises:
            ConfigError: another source has the same name.
        """
        if source.name in self._readers or any(one.name == source.name for one in self._live):
            raise ConfigError(f"there is a source '{source.name}' already; names must differ")
        if not isinstance(source, LiveSource):
            self._readers[source.name] = iter(source)
            return
        if source.began_s is None:
            source.began_s = self._began_s
        self._live.append(source)
        source.ring(self._bell)

    def remove(self, name: str) -> None:
        """Stop reading a source; it is not closed here, and unknown names are ignored."""
        self._live = [camera for camera in self._live if camera.name != name]
        self._readers.pop(name, None)
        self._ahead.pop(name, None)
        self._ended.discard(name)

    def ended(self) -> bool:
        """Return whether no more frames will come; a live source ends only when closed."""
        return not self._readers and all(camera.closed for camera in self._live)

    def expects(self, name: str) -> bool:
        """Return whether a source has not ended and, if live, delivers frames now."""
        live = next((camera for camera in self._live if camera.name == name), None)
        if live is None:
            return name in self._readers
        return not live.closed and live.status().state is SourceState.LIVE

    def take(self) -> list[tuple[str, Frame]]:
        """Return the next frames with the names of their sources; empty if no live source has one.

        Raises:
            SourceError: a source cannot be read any more.
        """
        self._bell.clear()
        batch = self._take_live()
        if self._in_step:
            return batch + self._take_by_time(self._frames_per_batch * len(self._readers))
        for name, reader in list(self._readers.items()):
            frames = list(islice(reader, self._frames_per_batch))
            batch.extend((name, frame) for frame in frames)
            if not frames:
                del self._readers[name]
        return batch

    def _take_by_time(self, count: int) -> list[tuple[str, Frame]]:
        """Return the earliest frames of the sources that are not live, in order of time."""
        for name in self._ended:  # their last frames have been returned
            del self._readers[name]
        self._ended.clear()
        batch: list[tuple[str, Frame]] = []
        while len(batch) < count:
            for name in self._readers.keys() - self._ahead.keys() - self._ended:
                frame = next(self._readers[name], None)
                if frame is None:
                    self._ended.add(name)
                else:
                    self._ahead[name] = frame
            if not self._ahead:
                break
            # Frames of the same time come in the order of the sources.
            names = [name for name in self._readers if name in self._ahead]
            first = min(names, key=lambda name: self._ahead[name].timestamp_s)
            batch.append((first, self._ahead.pop(first)))
        return batch

    def wait(self) -> None:
        """Wait until `take` may return frames; returns at once unless all sources are live."""
        if not self._readers:
            self._bell.wait(_LOOK_AGAIN_S)

    def _take_live(self) -> list[tuple[str, Frame]]:
        """Return the newest frame of every live source that has one, in order of time."""
        if self._began_s is None and not self._begin():
            return []
        frames = [(camera.name, camera.poll()) for camera in self._live]
        batch = [(name, frame) for name, frame in frames if frame is not None]
        return sorted(batch, key=lambda item: item[1].timestamp_s)

    def _begin(self) -> bool:
        """Set the common start time of the live sources once one of them has a frame."""
        waiting = [camera.waiting_since() for camera in self._live]
        known = [camera.began_s for camera in self._live]
        began = [moment for moment in known + waiting if moment is not None]
        if not began:
            for camera in self._live:
                camera.poll()  # raises if it cannot be read any more
            return False
        self._began_s = min(began)
        for camera in self._live:
            if camera.began_s is None:
                camera.began_s = self._began_s
        return True
