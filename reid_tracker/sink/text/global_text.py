"""The text of each camera once more at the end, with the final identities over all cameras."""

from __future__ import annotations

import csv
import json
import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, refuse_existing
from reid_tracker.sink.text.csv_file import COLUMNS
from reid_tracker.sink.text.final_identities import FinalIdentities
from reid_tracker.types import FrameResult, IdentityEvent

_CAMERA, _TRACK, _IDENTITY = (COLUMNS.index(name) for name in ("camera", "id", "identity"))


class GlobalTextSink(BaseSink):
    """Writes `CAMERA_global.SUFFIX` beside each camera's text when the run ends.

    Identities are the final ones: who somebody turned out to be also holds for the frames before.
    It is the camera's own file with other ids, hence made of it, in constant memory. While a run
    goes on, or after a kill, there is no such file; the camera's own and `identities.jsonl` hold
    the same.

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

    @abstractmethod
    def _translate(self, camera: str, lines: Iterable[str], file: TextIO) -> None:
        """Copy the text of a camera with identities."""

    def _finish(self) -> None:
        for camera, (source, path) in self._files.items():
            beside = path.with_name(f"{path.name}.part")
            try:
                with (
                    source.open(encoding="utf-8", newline="") as lines,
                    beside.open("w", encoding="utf-8", newline="") as file,
                ):
                    self._translate(camera, whole_lines(lines), file)
                os.replace(beside, path)
            except OSError as error:
                with suppress(OSError):
                    beside.unlink()
                raise cannot_write(path, error) from None


def whole_lines(lines: Iterable[str]) -> Iterator[str]:
    """Yield all lines but a last one that a power cut left half written."""
    return (line for line in lines if line.endswith("\n"))


class GlobalMotSink(GlobalTextSink):
    """MOTChallenge text with identities in place of tracks.

    Boxes of tracklets that stayed unsure are left out, so that every id is one person's.
    """

    def _translate(self, camera: str, lines: Iterable[str], file: TextIO) -> None:
        for line in lines:
            frame, track, rest = line.split(",", 2)
            identity = self._final.one(camera, int(track))
            if identity:
                file.write(f"{frame},{identity},{rest}")


class GlobalCsvSink(GlobalTextSink):
    """CSV whose column `identity` is the final one; empty where it stayed open who it is."""

    def _translate(self, camera: str, lines: Iterable[str], file: TextIO) -> None:
        rows, writer = csv.reader(lines), csv.writer(file, lineterminator="\n")
        writer.writerow(next(rows))
        for row in rows:
            row[_IDENTITY] = str(self._final.one(row[_CAMERA], int(row[_TRACK])) or "")
            writer.writerow(row)


class GlobalJsonlSink(GlobalTextSink):
    """JSON lines whose `identity` is the final one; null where it stayed open who it is."""

    def _translate(self, camera: str, lines: Iterable[str], file: TextIO) -> None:
        for line in lines:
            frame = json.loads(line)
            for track in frame["tracks"]:
                track["identity"] = self._final.one(camera, track["id"]) or None
            file.write(json.dumps(frame, ensure_ascii=False, separators=(",", ":")) + "\n")
