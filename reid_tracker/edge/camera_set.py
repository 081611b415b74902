"""The cameras of a long-running host: SIGHUP to a service makes it read their list again."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import FrameType, TracebackType

from reid_tracker.config import Config
from reid_tracker.edge.run import Changes
from reid_tracker.errors import ReidTrackerError
from reid_tracker.monitor import notify_systemd
from reid_tracker.run.sources import check_replay, with_distinct_names
from reid_tracker.video import CameraEntry, Source, open_entries, read_entries
from reid_tracker.video.camera_list import is_camera_list

_log = logging.getLogger(__name__)


class CameraSet:
    """Opens sources and applies changes of their list; a context manager that closes them.

    Args:
        words: sources and lists of sources, as on the command line.
        config: configuration of the run.
        check_names: raises an error for names that cannot be used.

    Raises:
        ReidTrackerError: a source cannot be opened, or its name cannot be used.
    """

    def __init__(
        self,
        words: Sequence[str],
        config: Config,
        check_names: Callable[[Sequence[str]], None] = lambda names: None,
    ) -> None:
        self._words, self._config, self._check_names = list(words), config, check_names
        self._reload_requested = False
        self._earlier_handler: object = None
        self._stack = ExitStack()
        entries = read_entries(self._words)
        self._open = list(zip(entries, self._opened(entries, wait=True), strict=True))

    @property
    def sources(self) -> list[Source]:
        """The open sources; their names are unique."""
        return [source for _, source in self._open]

    def changes(self) -> Changes | None:
        """Return the changes of the list; None if no SIGHUP came since the last call.

        Removed sources are closed, added ones are open. This does not wait for network cameras that
        do not answer yet. If the list is wrong, nothing changes.
        """
        if not self._reload_requested:
            return None
        self._reload_requested = False
        notify_systemd("RELOADING=1")
        try:
            return self._reload()
        except ReidTrackerError as error:
            _log.error("the list of cameras is wrong: %s; nothing was changed", error)
            return None
        finally:
            notify_systemd("READY=1")

    def _reload(self) -> Changes:
        wanted = read_entries(self._words)
        kept: list[tuple[CameraEntry, Source]] = []
        gone: list[Source] = []
        for entry, source in self._open:
            if entry in wanted:
                wanted.remove(entry)
                kept.append((entry, source))
            else:
                gone.append(source)
        added = self._opened(wanted, wait=False, used=[source.name for _, source in kept])
        self._open = [*kept, *zip(wanted, added, strict=True)]
        for source in gone:
            source.close()
        # A warning, so that it is always logged for the person who sent the signal.
        _log.warning(
            "read the list of cameras again: %d kept, added: %s, removed: %s",
            len(kept),
            ", ".join(source.name for source in added) or "none",
            ", ".join(source.name for source in gone) or "none",
        )
        return Changes(added, [source.name for source in gone])

    def _opened(
        self, entries: Sequence[CameraEntry], *, wait: bool, used: Sequence[str] = ()
    ) -> list[Source]:
        if not entries:
            return []
        check_replay(self._config, len(entries) + len(used))
        video = self._config.video
        sources = open_entries(
            entries,
            stride=video.stride,
            frame_rate=video.frame_rate,
            stream=self._config.stream,
            wait=wait,
        )
        try:
            named = with_distinct_names(sources, used)
            self._check_names([source.name for source in named])
        except BaseException:
            for source in sources:
                source.close()
            raise
        for source in sources:
            self._stack.callback(source.close)
        return named

    def __enter__(self) -> CameraSet:
        if threading.current_thread() is threading.main_thread() and self._reloads():
            self._earlier_handler = signal.signal(signal.SIGHUP, self._on_hangup)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._earlier_handler is not None:
            signal.signal(signal.SIGHUP, self._earlier_handler)  # type: ignore[arg-type]
        self._stack.close()

    def _reloads(self) -> bool:
        """Return whether SIGHUP means reload; without a list, or on a terminal, it ends the run."""
        terminal = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
        if not hasattr(signal, "SIGHUP") or not any(map(is_camera_list, self._words)):
            return False
        return "NOTIFY_SOCKET" in os.environ or not terminal

    def _on_hangup(self, number: int, frame: FrameType | None) -> None:
        self._reload_requested = True
