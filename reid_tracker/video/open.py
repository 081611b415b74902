"""`open_source` and `open_sources`: recognise the kind of source and open it."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from numbers import Integral
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from reid_tracker.config import StreamConfig
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError, InputError, SourceError
from reid_tracker.video.address import stream_address
from reid_tracker.video.camera_list import CameraEntry, is_camera_list, read_camera_list
from reid_tracker.video.naming import is_url, printable, redact, url_name
from reid_tracker.video.source import LiveSource, Source

_log = logging.getLogger(__name__)

_CAMERA = re.compile(r"(?:/dev/video)?([0-9]{1,3})")
_SLOWEST_RATE = 0.001


def open_source(
    source: str | os.PathLike[str] | int,
    *,
    stride: int = 1,
    frame_rate: float | Fraction | None = None,
    stream: StreamConfig | None = None,
) -> Source:
    """Open any source of frames.

    Args:
        source: a video file, a folder or glob pattern of images, an image, an RTSP or HTTP address,
            or the number of a camera (0, "0" or "/dev/video0"). In an address, `${NAME}` means
            an environment variable.
        stride: take every n-th frame.
        frame_rate: frames per second of images, or of a file with a wrong header. None takes the
            file's own timestamps; for images, the frameRate of a MOTChallenge seqinfo.ini beside or
            above them, else 25. Cameras and streams have their own clock.
        stream: how network cameras are read.

    Returns:
        The source, ready to be iterated once; it closes itself at its end.

    Raises:
        InputError: the source is neither text, nor a path, nor a number.
        SourceError: the source does not exist, or cannot be read.
        ConfigError: an option is out of range, a camera has a rate, or a variable is not set.
    """
    text: Any = os.fspath(source) if isinstance(source, os.PathLike) else source
    if type(text) is not bool and isinstance(text, Integral):
        text = str(int(text))
    if not isinstance(text, str):
        raise InputError(
            f"source is a {type(source).__name__}: expected a path, an address or a camera's number"
        )
    opener = _Opener(stride, frame_rate, stream or StreamConfig())
    (opened,) = opener.open([CameraEntry(url=text)])
    return opened


def open_sources(
    sources: Sequence[str],
    *,
    stride: int = 1,
    frame_rate: float | Fraction | None = None,
    stream: StreamConfig | None = None,
) -> list[Source]:
    """Open several sources, and lists of sources: cameras.yaml, or a `.streams` text file.

    Network cameras connect in parallel. The run can start as soon as any source has a picture;
    cameras without a picture are retried as long as the run lasts. The options are those of
    `open_source`.

    Raises:
        SourceError: a file cannot be read, or no network camera can.
        ConfigError: a list or an option is wrong.
    """
    return open_entries(read_entries(sources), stride=stride, frame_rate=frame_rate, stream=stream)


def read_entries(sources: Sequence[str]) -> list[CameraEntry]:
    """Return the entries that sources and lists of sources name; opens nothing.

    Raises:
        ConfigError: a list is wrong.
    """
    entries: list[CameraEntry] = []
    for word in sources:
        if is_camera_list(word):
            entries += read_camera_list(Path(word))
        else:
            entries += [CameraEntry(url=one) for one in _videos_of(word) or [word]]
    return entries


def _videos_of(word: str) -> list[str]:
    """Return the videos in a folder, if it is not a folder of pictures; else empty."""
    from reid_tracker.video.images import contents, counted

    try:
        pictures, videos = contents(Path(word)) if Path(word).is_dir() else ([], [])
    except OSError:  # opening it will report the reason
        return []
    if len(pictures) > len(videos) or not videos:
        return []
    if pictures:
        _log.warning(
            "%s: read: %s; not read: %s",
            printable(word),
            counted(videos, "video"),
            counted(pictures, "picture"),
        )
    return [str(video) for video in videos]


def open_entries(
    entries: Sequence[CameraEntry],
    *,
    stride: int = 1,
    frame_rate: float | Fraction | None = None,
    stream: StreamConfig | None = None,
    wait: bool = True,
) -> list[Source]:
    """Open the result of `read_entries`, see `open_sources`.

    Without `wait`, it returns at once, even if no network camera has a picture yet.
    """
    return _Opener(stride, frame_rate, stream or StreamConfig()).open(entries, wait=wait)


@dataclasses.dataclass(frozen=True)
class _Opener:
    """Opens sources, all or none."""

    stride: int
    frame_rate: float | Fraction | None
    stream: StreamConfig

    def __post_init__(self) -> None:
        stride, rate = cast(Any, self.stride), cast(Any, self.frame_rate)
        if not isinstance(stride, Integral) or int(stride) < 1:
            raise ConfigError(f"stride = {shown(stride)}: expected a whole number, at least 1")
        if rate is not None and not (
            isinstance(rate, int | float | Fraction) and _SLOWEST_RATE <= rate < math.inf
        ):
            raise ConfigError(
                f"frame_rate = {shown(rate)}: expected at least {_SLOWEST_RATE} per second"
            )

    def open(self, entries: Sequence[CameraEntry], *, wait: bool = True) -> list[Source]:
        with ExitStack() as undo:
            sources = []
            for entry in entries:
                source = self._begin(entry, alone=len(entries) == 1)
                undo.callback(source.close)
                if entry.name:
                    source.name = entry.name
                sources.append(source)
            if wait:
                _wait_for_cameras(sources, self.stream)
            for camera in sources:
                if isinstance(camera, LiveSource):
                    camera.announce()
            undo.pop_all()
        return sources

    def _begin(self, entry: CameraEntry, *, alone: bool) -> Source:
        """Open a source; a network camera connects in the background."""
        text = entry.url
        if text.lower().startswith("file://"):
            text = unquote(urlsplit(text).path)
        if camera := _CAMERA.fullmatch(text):
            from reid_tracker.video.camera import CameraSource

            self._refuse_rate(text)
            return CameraSource(int(camera[1]), self.stride)
        if is_url(text):
            self._refuse_rate(redact(text))
            return self._begin_stream(entry, alone=alone)
        rate = self.frame_rate
        exact = None if rate is None else Fraction(rate).limit_denominator(100_000)
        return _open_path(Path(text), self.stride, exact)

    def _begin_stream(self, entry: CameraEntry, *, alone: bool) -> Source:
        from reid_tracker.video.connection import check_stream_config, is_live_address
        from reid_tracker.video.live import NetworkCamera
        from reid_tracker.video.web import open_recording

        config = self.stream
        if entry.transport is not None:
            config = dataclasses.replace(config, transport=entry.transport)
        if entry.live:
            config = dataclasses.replace(config, live=True)
        check_stream_config(config)
        address = stream_address(entry.url, entry.username, entry.password)
        name = entry.name or url_name(entry.url)
        if not config.live and not is_live_address(entry.url):
            try:
                if recording := open_recording(address, name, self.stride, config):
                    return recording
            except SourceError:
                if alone:
                    raise
        return NetworkCamera(address, name, config, self.stride, entry.rotate)

    def _refuse_rate(self, label: str) -> None:
        if self.frame_rate is not None:
            raise ConfigError(
                f"frame_rate = {self.frame_rate} for {label}: cameras and streams have their own "
                "clock; leave it out"
            )


def _wait_for_cameras(sources: Sequence[Source], config: StreamConfig) -> None:
    """Wait until a source has a picture; raise if no network camera ever has one."""
    cameras = [source for source in sources if isinstance(source, LiveSource)]
    if not cameras:
        return
    limit = time.monotonic() + 2 * config.open_timeout_s + config.read_timeout_s
    others = len(cameras) < len(sources)
    while not others:
        states = [camera.status() for camera in cameras]
        if any(status.frames for status in states):
            break
        failed = [status for status in states if status.reason]
        if len(failed) == len(states) or time.monotonic() > limit:
            raise _unreachable(cameras, [status.reason for status in states])
        time.sleep(0.01)


def _unreachable(cameras: Sequence[LiveSource], reasons: Sequence[str]) -> SourceError:
    which = cameras[0].label
    more = f", nor {len(cameras) - 1} others" if len(cameras) > 1 else ""
    return SourceError(
        f"cannot open {which} ({reasons[0] or 'no picture came'}){more}: expected a video stream; "
        "check address, user, password and that it is running"
    )


def _open_path(path: Path, stride: int, frame_rate: Fraction | None) -> Source:
    """Open a file, folder or glob pattern."""
    from reid_tracker.video import images

    try:
        if path.is_dir():
            return images.open_image_folder(path, stride, frame_rate)
        if path.is_file():
            if path.suffix.lower() in images.IMAGE_SUFFIXES:
                return images.open_image(path, stride, frame_rate)
            from reid_tracker.video.av_source import open_video_file

            return open_video_file(path, stride, frame_rate)
    except OSError as error:
        raise SourceError(f"cannot read {printable(path)}: {error.strerror}") from None
    if any(character in str(path) for character in "*?["):
        return images.open_image_glob(path, stride, frame_rate)
    raise SourceError(
        f"no source '{printable(path)}': expected a video file, a folder or pattern of "
        "images, a camera number or an rtsp:// or http:// address"
    )
