"""The output files of a camera host, with the centre's identities.

New files start every few hours and whenever the cameras change, each time in a folder named after
the time. Files get their final identities a little later, since the centre needs time and may
correct the past. If an output cannot be written, for example on a full disk, tracking continues
and the output is retried.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from reid_tracker.arrays import BoolArray
from reid_tracker.closing import Closing
from reid_tracker.config import EdgeConfig, OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.run.dated_folders import DatedFolders
from reid_tracker.run.known import KnownIdentities
from reid_tracker.run.writer import ResultWriter, Write
from reid_tracker.sink import open_shared_sinks, open_sinks
from reid_tracker.types import FrameResult, Identities, IdentityEvent
from reid_tracker.video import Source

logger = logging.getLogger(__name__)

_AGAIN_AFTER_S = 60.0
_LOOK_EVERY_S = 0.05
_DELETE_EVERY_S = 60.0


class EdgeOutputs(Closing):
    """Writes the results of a camera host's cameras; use it from one thread.

    Args:
        folder: where the folders of files are made.
        output: which files; mosaic and pictures are left out, since they need the end of a run.
        edge: `rotate_h`, `settle_s` and `delete_after_h`.
        known: the identities; None writes the cameras' own ids only.
        recent_s: people seen within this time may still be in sight.
        clock: seconds on a clock that does not jump.
        utc: seconds since 1970.

    Attributes:
        failures: how often an output could not be written.
    """

    def __init__(
        self,
        folder: Path,
        output: OutputConfig,
        edge: EdgeConfig,
        known: KnownIdentities | None,
        *,
        recent_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        utc: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._edge = edge
        self._known = known
        self._recent_s = recent_s
        self._output = replace(output, mosaic=False, pictures=False)
        self._clock, self._utc = clock, utc
        self._sources: list[Source] = []
        self._period: _Period | None = None
        self._settling: list[tuple[float, _Period]] = []
        self._finishing: dict[threading.Thread, Path] = {}
        self._folders = DatedFolders(folder, edge.delete_after_h, utc=utc, clock=clock)
        self._began_s = self._again_at_s = self._delete_at_s = 0.0
        self._why = ""
        self._closed = False
        self.failures = 0

    @property
    def state(self) -> str:
        """The current folder, or why there is none; thread-safe."""
        period = self._period  # it may be replaced meanwhile
        return self._why or ("" if period is None else str(period.folder))

    def begin(self, sources: Sequence[Source]) -> None:
        """Start new files for these cameras; earlier ones are finished in the background.

        Raises:
            OutputError: they cannot be made.
        """
        self._sources = list(sources)
        self._retire()
        if not self._sources:
            self._why = ""  # without cameras there is nothing to retry
            return
        folder, identities = self._folders.make(), self._known is not None
        try:
            period = _Period(folder, self._output, self._sources, identities=identities)
        except BaseException:  # each retry would leave a folder
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self._period, self._began_s, self._why = period, self._clock(), ""
        if self._known is not None:
            period.tell(self._known.recent(self._recent_s, self._utc()))

    def start(self, sources: Sequence[Source]) -> None:
        """Start the first files and finish those of an earlier start; a full disk raises no error.

        Raises:
            OutputError: they cannot be made, or another host writes to this folder.
        """
        self._folders.claim()
        try:
            self.begin(sources)
        except OutputError as error:
            if not self._disk_is_full():
                raise
            self._failed(error)  # tracking goes on without files
        self._folders.finish_earlier(self._busy())

    def _disk_is_full(self) -> bool:
        place = next((one for one in (self._folder, *self._folder.parents) if one.is_dir()), None)
        return place is not None and shutil.disk_usage(place).free == 0

    def change(self, sources: Sequence[Source]) -> None:
        """Start new files because the cameras changed; a failure is logged."""
        try:
            self.begin(sources)
        except OutputError as error:
            self._failed(error)

    def expect(self, camera: str, track: int) -> None:
        """Note that a tracklet was sent to the centre."""
        if self._known is not None:
            self._known.expect(camera, track)

    def write(self, result: FrameResult) -> None:
        """Write one frame, with the identities known by now; a failure is logged."""
        self._hear()
        if self._period is None:
            return
        if self._known is not None:
            tracks = result.tracks
            known = self._known.of(result.camera, tracks.ids)
            result = replace(result, identities=_once_each(known, tracks.observed))
        try:
            self._period.write(result)
        except OutputError as error:
            self._failed(error)

    def tick(self) -> None:
        """Do the periodic work; call it about once a second, also without frames."""
        self._hear()
        now_s = self._clock()
        live = any(source.live for source in self._sources)
        old = 0 < self._edge.rotate_h * 3600 <= now_s - self._began_s and live
        if (self._period is not None and old) or (self._why and now_s >= self._again_at_s):
            before = self._why
            self.change(self._sources)
            if before and self._period is not None:
                logger.warning("outputs are written again, to %s", self.state)
        while self._settling and self._settling[0][0] <= now_s:
            self._finish_soon(self._settling.pop(0)[1])
        for thread in [one for one in self._finishing if not one.is_alive()]:
            del self._finishing[thread]
        if now_s >= self._delete_at_s:
            self._delete_old()

    def settle(self, timeout_s: float, quiet_s: float, heard: Callable[[], bool]) -> None:
        """Wait, after the last frame, until the centre has identified all people.

        Args:
            timeout_s: maximum time to wait.
            quiet_s: the centre may still change identities if it sent one within this time.
            heard: whether the centre can be reached; if not, there is nothing to wait for.
        """
        known, end_s = self._known, self._clock() + timeout_s
        while known is not None and heard() and self._clock() < end_s:
            if not known.awaited and known.quiet_s >= quiet_s:
                return
            time.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """Finish all files with the identities known by now; closing twice is harmless.

        Raises:
            OutputError: an output cannot be finished.
        """
        if self._closed:
            return
        self._closed = True
        self._hear()
        with ExitStack() as stack:
            for thread in self._finishing:
                stack.callback(thread.join)
            for _, period in self._settling:
                stack.callback(period.close)
            if self._period is not None:
                stack.callback(self._period.close)
            stack.callback(self._folders.close)  # called first
        self._period, self._settling = None, []

    def _hear(self) -> None:
        if self._known is None or not (events := self._known.news()):
            return
        for _, period in self._settling:
            self._tell(period, events)
        if self._period is not None:
            self._tell(self._period, events)

    def _tell(self, period: _Period, events: Sequence[IdentityEvent]) -> None:
        try:
            period.tell(events)
        except OutputError as error:
            if period is self._period:
                self._failed(error)
                return
            self.failures += 1  # the current files are not affected
            if not period.told_in_vain:
                logger.error("files of %s lack identities: %s", period.folder, error)
            period.told_in_vain = True

    def _retire(self) -> None:
        """Keep the current files open until their last identities arrive."""
        if self._period is not None:
            self._settling.append((self._clock() + self._edge.settle_s, self._period))
            self._period = None
        self._delete_old()

    def _finish_soon(self, period: _Period) -> None:
        """Finish files in the background: an hour of rows takes a second or more."""

        def finish() -> None:
            try:
                period.close()
            except OutputError as error:
                self.failures += 1
                logger.error("files of %s are not finished: %s", period.folder, error)

        thread = threading.Thread(target=finish, name="outputs")
        self._finishing[thread] = period.folder
        thread.start()

    def _failed(self, error: OutputError) -> None:
        self.failures += 1
        if not self._why:
            logger.error("%s; tracking continues without outputs; they will be retried", error)
        self._why, self._again_at_s = str(error), self._clock() + _AGAIN_AFTER_S
        if self._period is not None:
            with suppress(OutputError):
                self._period.close()
            if not self._period.frames:  # each retry would leave a folder
                shutil.rmtree(self._period.folder, ignore_errors=True)
            self._period = None

    def _delete_old(self) -> None:
        self._delete_at_s = self._clock() + _DELETE_EVERY_S
        self._folders.delete_old(self._busy())

    def _busy(self) -> set[Path]:
        """Return the folders that are still written."""
        busy = {period.folder for _, period in self._settling} | set(self._finishing.values())
        return busy if self._period is None else busy | {self._period.folder}


def _once_each(known: Identities, observed: BoolArray) -> Identities:
    """Keep one track per identity and frame: a seen one before a predicted one, then the newest."""
    order = np.lexsort((known.track_ids, observed))[::-1]
    twins = np.ones(len(order), np.bool_)
    twins[order[np.unique(known.ids[order], return_index=True)[1]]] = False
    return replace(
        known, ids=np.where(twins, 0, known.ids), scores=np.where(twins, 0, known.scores)
    )


class _Period:
    """The files of one folder, open.

    Attributes:
        frames: number of frames written.
        told_in_vain: whether identities could not be written.

    Raises:
        OutputError: a file cannot be made; then no file stays open.
    """

    def __init__(
        self, folder: Path, output: OutputConfig, sources: Sequence[Source], *, identities: bool
    ) -> None:
        self.folder, self.frames, self.told_in_vain = folder, 0, False
        writes: dict[str, list[Write]] = {}
        with ExitStack() as stack:
            for source in sources:
                sinks = open_sinks(folder, output, source.info, source.name, identities=identities)
                writes[source.name] = [sink.write for sink in sinks]
                for sink in sinks:
                    stack.callback(sink.close)
            self._shared = open_shared_sinks(
                folder,
                output,
                {source.name: source.info for source in sources},
                lambda camera: False,
                identities=identities,
                final_rows=identities,
            )
            self._own = stack.pop_all()
        for camera in writes.values():
            camera.append(self._shared.write)
        self._writer = ResultWriter(writes, blur_heads=output.blur_heads)

    def write(self, result: FrameResult) -> None:
        self._writer.write(result)
        self.frames += 1

    def tell(self, events: Sequence[IdentityEvent]) -> None:
        self._shared.write_events(events)

    def close(self) -> None:
        """Close all files: first the cameras' own, from which the final ones are made."""
        with ExitStack() as stack:
            stack.callback(self._shared.close)
            stack.callback(self._own.close)
