"""Pictures of each identity over all cameras, in a folder per person that follows the events."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.crops.tracks import DueCrops, make_crop_folder, save_crop
from reid_tracker.sink.files import cannot_write
from reid_tracker.sink.text.final_text import FinalIdentities
from reid_tracker.types import FrameResult, IdentityEvent, Member

_UNSURE = "unsure"
_OURS = re.compile(rf"identity-\d{{4,}}|{_UNSURE}")


class IdentityCropSink(BaseSink):
    """Writes `identity-0007/hall_000012_frame000345.jpg`: track 12 of the camera "hall".

    Pictures of tracklets without an identity wait in `unsure/`. When an event changes a tracklet's
    identity, its pictures move, so the folders always match the current identities. Every folder
    holds one person over all cameras, as in data sets with a folder per person.

    Args:
        path: the folder.
        stems: name of each camera in file names, distinct.
        every_s: minimum seconds between two pictures of one track; 0 keeps every picture.
        quality: JPEG quality, 1 to 100.
        overwrite: whether the pictures of an earlier run in the folder may be removed; other files
            in it are left alone.

    Raises:
        OutputError: the folder exists, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        stems: dict[str, str],
        *,
        every_s: float = 1.0,
        quality: int = 90,
        overwrite: bool = False,
    ) -> None:
        super().__init__(path)
        self._stems = stems
        self._due = DueCrops(every_s)
        self._quality = quality
        self._home: dict[Member, str] = {}  # tracklets that have pictures
        self._final = FinalIdentities()
        make_crop_folder(path, _OURS, overwrite)

    def write(self, result: FrameResult) -> None:
        """Move pictures as the frame's events say, then write the pictures that are due."""
        self.write_events(result.events)
        for track, crop in self._due.crops(result, result.tracks[result.tracks.observed]):
            member = result.camera, track
            home = self._home.setdefault(member, self._folder_of(member))
            name = f"{self._prefix(member)}frame{result.frame.index:06d}.jpg"
            save_crop(crop, self.path / home / name, self._quality)

    def write_events(self, events: Iterable[IdentityEvent]) -> None:
        """Move the pictures of tracklets whose identity changed."""
        for event in events:
            self._final.take([event])
            for member in event.members:
                folder = self._folder_of(member)
                if self._home.get(member, folder) != folder:
                    self._move(member, folder)

    def _move(self, member: Member, folder: str) -> None:
        source, target = self.path / self._home[member], self.path / folder
        prefix = self._prefix(member)
        try:
            target.mkdir(exist_ok=True)
            for name in sorted(os.listdir(source)):
                if name.startswith(f"{prefix}frame"):
                    os.replace(source / name, target / name)
            with suppress(OSError):  # not empty: other pictures of that identity remain
                source.rmdir()
        except OSError as error:
            raise cannot_write(target, error) from None
        self._home[member] = folder

    def _folder_of(self, member: Member) -> str:
        identity = self._final.one(*member)
        return f"identity-{identity:04d}" if identity else _UNSURE

    def _prefix(self, member: Member) -> str:
        return f"{self._stems[member[0]]}_{member[1]:06d}_"
