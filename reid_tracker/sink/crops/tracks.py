"""Writes pictures of each track, one folder per track: to look at, or to build galleries from."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from reid_tracker.geometry import clip_boxes
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, refuse_existing
from reid_tracker.types import FrameResult, ImageBGR, Member, Tracks

_IDENTITY = re.compile(r"\d{6,}")


class CropSink(BaseSink):
    """Writes `000012/frame000345.jpg`: track 12 in frame 345 of the source, counted from 0.

    Args:
        path: the folder.
        every_s: minimum seconds between two pictures of one track; 0 keeps every picture.
        quality: JPEG quality, 1 to 100.
        observed_only: whether predicted boxes of unseen tracks are left out; they may show
            anything.
        overwrite: whether the identities of an earlier run in the folder may be removed; other
            files in it are left alone.

    Raises:
        OutputError: the folder exists, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        *,
        every_s: float = 1.0,
        quality: int = 90,
        observed_only: bool = True,
        overwrite: bool = False,
    ) -> None:
        super().__init__(path)
        self._due = DueCrops(every_s)
        self._quality = quality
        self._observed_only = observed_only
        make_crop_folder(path, _IDENTITY, overwrite)

    def write(self, result: FrameResult) -> None:
        """Write the pictures that are due."""
        tracks = result.tracks[result.tracks.observed] if self._observed_only else result.tracks
        for identity, crop in self._due.crops(result, tracks):
            name = f"{identity:06d}/frame{result.frame.index:06d}.jpg"
            save_crop(crop, self.path / name, self._quality)


def make_crop_folder(path: Path, ours: re.Pattern[str], overwrite: bool) -> None:
    """Make a folder of crops; remove an earlier run's folders, whose names match `ours`.

    Raises:
        OutputError: the folder exists and may not be replaced, or cannot be made.
    """
    refuse_existing(path, overwrite)
    try:
        path.mkdir(exist_ok=overwrite)
        for folder in path.iterdir():
            if ours.fullmatch(folder.name) and folder.is_dir():
                shutil.rmtree(folder)
    except OSError as error:
        raise cannot_write(path, error) from None


class DueCrops:
    """Cuts pictures of each track out of its camera's frames, at most one per `every_s`.

    Args:
        every_s: minimum seconds between two pictures of one track; 0 takes every picture.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last_s: dict[Member, float] = {}

    def crops(self, result: FrameResult, tracks: Tracks) -> Iterator[tuple[int, ImageBGR]]:
        """Yield the id and the (h, w, 3) uint8 BGR picture of each track whose picture is due.

        Args:
            result: the frame from which pictures are cut.
            tracks: the tracks to show; boxes outside the frame give no picture.
        """
        image, now, camera = result.frame.image, result.frame.timestamp_s, result.camera
        # Only tracks that must still wait are kept, so that memory stays bounded.
        self._last_s = {
            member: last
            for member, last in self._last_s.items()
            if member[0] != camera or now - last < self._every_s - 1e-6
        }
        height, width = image.shape[:2]
        corners = np.rint(clip_boxes(tracks.boxes, width, height)).astype(int)
        for track, (left, top, right, bottom) in zip(
            tracks.ids.tolist(), corners.tolist(), strict=True
        ):
            if (camera, track) not in self._last_s and left < right and top < bottom:
                yield track, image[top:bottom, left:right]
                self._last_s[camera, track] = now


def save_crop(crop: ImageBGR, path: Path, quality: int) -> None:
    """Write an (H, W, 3) uint8 BGR picture atomically; makes its folder.

    Raises:
        OutputError: the disk is full, or the picture cannot be written.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    data = cv2.imencode(".jpg", np.ascontiguousarray(crop), options)[1]
    try:
        path.parent.mkdir(exist_ok=True)
        # Renamed when complete, so that an interrupted run leaves no partial picture.
        partial = path.with_suffix(".part")
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:
            file.write(data.tobytes())
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from None
