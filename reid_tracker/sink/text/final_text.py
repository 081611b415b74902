"""Final identities of a run, and copies of each camera's text that hold them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, refuse_existing, whole_lines
from reid_tracker.types import FrameResult, IdentityEvent, Member

CopyWithIdentities = Callable[[Iterable[str], Callable[[int], int], TextIO], None]
"""Copies lines to a file; the function maps a track id to its final identity, 0 if unknown."""


def once_each(tracks: Sequence[int], identity_of: Callable[[int], int]) -> list[int]:
    """Return the identity of each track of a frame, each identity once; 0 if unknown.

    Of tracks with the same identity only the newest keeps it: when a person is found again by a new
    track, the predicted box of the old one lingers for a moment.
    """
    found = [identity_of(track) for track in tracks]
    newest = dict(sorted(zip(found, tracks, strict=True), key=lambda pair: pair[1]))
    return [
        identity if newest[identity] == track else 0
        for identity, track in zip(found, tracks, strict=True)
    ]


class FinalIdentities:
    """Follows the identity events of a run; later events correct earlier ones."""

    def __init__(self) -> None:
        self._identity: dict[Member, int] = {}

    def take(self, events: Iterable[IdentityEvent]) -> None:
        """Add more events, in order."""
        for event in events:
            self._identity.update(dict.fromkeys(event.members, event.identity))

    def one(self, camera: str, track: int) -> int:
        """Return the identity of a track of a camera; 0 while unknown."""
        return self._identity.get((camera, track), 0)


class FinalTextSink(BaseSink):
    """Writes `CAMERA_global.SUFFIX` beside each camera's text when the run ends.

    Final identities also apply to earlier frames, before the person was recognised. The file is a
    copy of the camera's own text, made line by line in constant memory. It does not exist during a
    run or after a kill; it can then be made from the camera's own text and `identities.jsonl` (see
    `finish_texts`).

    Args:
        files: the camera's own text and the file to write, by camera.
        copy: copies the lines of this format.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputError: a file exists.
    """

    def __init__(
        self,
        files: Mapping[str, tuple[Path, Path]],
        copy: CopyWithIdentities,
        *,
        overwrite: bool = False,
    ) -> None:
        super().__init__(next(iter(files.values()))[1].parent)
        self._files = dict(files)
        self._copy = copy
        self._final = FinalIdentities()
        for _, path in files.values():
            refuse_existing(path, overwrite)
        try:
            for _, path in files.values():
                path.unlink(missing_ok=True)  # an old copy must not remain if this run dies
        except OSError as error:
            raise cannot_write(path, error) from None

    def write(self, result: FrameResult) -> None:
        """Note the events of one frame."""
        self._final.take(result.events)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Note events that belong to no frame, such as those after the last one."""
        self._final.take(events)

    def _finish(self) -> None:
        for camera, (source, path) in self._files.items():
            beside = path.with_name(f"{path.name}.part")
            try:
                beside.unlink(missing_ok=True)  # also removes a symbolic link
                with (
                    source.open(encoding="utf-8", newline="") as lines,
                    beside.open("x", encoding="utf-8", newline="") as file,
                ):
                    self._copy(whole_lines(lines), partial(self._final.one, camera), file)
                os.replace(beside, path)
            except OSError as error:
                with suppress(OSError):
                    beside.unlink()
                raise cannot_write(path, error) from None
