"""MOTChallenge text with identities over all cameras in place of each camera's own ids."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, refuse_existing
from reid_tracker.sink.final_identities import FinalIdentities
from reid_tracker.types import FrameResult, IdentityEvent


class GlobalMotSink(BaseSink):
    """Writes `CAMERA_global.txt` beside each camera's MOTChallenge text when the run ends.

    Identities are the final ones: who somebody turned out to be also holds for the frames before.
    Boxes of tracklets that stayed unsure are left out, so that every id is one person's. It is the
    camera's own file with other ids, hence made of it, in constant memory. While a run goes on, or
    after a kill, there is no such file; `CAMERA.txt` and `identities.jsonl` hold the same.

    Args:
        files: file with the camera's own ids -> file to write, by camera.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputError: a file exists.
    """

    def __init__(self, files: Mapping[str, tuple[Path, Path]], *, overwrite: bool = False) -> None:
        super().__init__(next(iter(files.values()))[1].parent)
        self._files = dict(files)
        self._final = FinalIdentities()
        for _, path in files.values():
            refuse_existing(path, overwrite)
        try:
            for _, path in files.values():
                path.unlink(missing_ok=True)  # an older one must not stay beside a run that dies
        except OSError as error:
            raise cannot_write(path, error) from None

    def write(self, result: FrameResult) -> None:
        """Note the events of one frame."""
        self.write_events(result.events)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Note events that no frame carries, such as those after the last one."""
        self._final.take(events)

    def _finish(self) -> None:
        for camera, (source, path) in self._files.items():
            self._translate(camera, source, path)

    def _translate(self, camera: str, source: Path, path: Path) -> None:
        beside = path.with_name(f"{path.name}.part")
        try:
            with source.open(encoding="utf-8") as lines, beside.open("w", encoding="utf-8") as file:
                for line in lines:
                    frame, track, rest = line.split(",", 2)
                    identity = self._final.one(camera, int(track))
                    if identity:
                        file.write(f"{frame},{identity},{rest}")
            os.replace(beside, path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise cannot_write(path, error) from None
