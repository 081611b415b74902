"""`open_source`: tells the kinds of sources apart and opens the right one."""

from __future__ import annotations

import math
import os
import re
from fractions import Fraction
from pathlib import Path
from urllib.parse import unquote, urlsplit

from reid_tracker.errors import ConfigError, SourceError
from reid_tracker.video.naming import is_url, redact
from reid_tracker.video.source import Source

_CAMERA = re.compile(r"(?:/dev/video)?([0-9]{1,3})")
_SLOWEST_RATE = 0.001


def open_source(
    source: str | os.PathLike[str] | int,
    *,
    stride: int = 1,
    frame_rate: float | Fraction | None = None,
) -> Source:
    """Open anything that gives frames.

    Args:
        source: a video file, a folder or glob pattern of images, an image, an RTSP or HTTP address,
            or the number of a camera (0, "0" or "/dev/video0").
        stride: take every n-th frame.
        frame_rate: frames per second of a file whose header tells it wrong, or of images; None
            takes the file's own timestamps, for images the frameRate of a MOTChallenge seqinfo.ini
            beside or above them, or else 25. Cameras and streams have their own clock.

    Returns:
        The source, ready to be iterated once; it closes itself at its end.

    Raises:
        SourceError: there is no such source, or it cannot be read.
        ConfigError: `stride` or `frame_rate` is out of range, or a camera is given a rate.
    """
    if stride < 1:
        raise ConfigError(f"stride = {stride}: expected a whole number, at least 1")
    if frame_rate is not None and not _SLOWEST_RATE <= frame_rate < math.inf:
        raise ConfigError(
            f"frame_rate = {frame_rate}: expected at least {_SLOWEST_RATE} per second"
        )
    text = os.fspath(source) if isinstance(source, str | os.PathLike) else str(source)
    if text.lower().startswith("file://"):
        text = unquote(urlsplit(text).path)
    if camera := _CAMERA.fullmatch(text):
        from reid_tracker.video.camera import CameraSource

        _refuse_rate(frame_rate, text)
        return CameraSource(int(camera[1]), stride)
    if is_url(text):
        from reid_tracker.video.av_source import open_stream

        _refuse_rate(frame_rate, redact(text))
        return open_stream(text, stride)
    rate = None if frame_rate is None else Fraction(frame_rate).limit_denominator(100_000)
    return _open_path(Path(text), stride, rate)


def _refuse_rate(frame_rate: float | Fraction | None, label: str) -> None:
    if frame_rate is not None:
        raise ConfigError(
            f"frame_rate = {frame_rate} for {label}: cameras and streams have their own clock; "
            "leave it out"
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
        raise SourceError(f"cannot read {path}: {error.strerror}") from None
    if any(character in str(path) for character in "*?["):
        return images.open_image_glob(path, stride, frame_rate)
    raise SourceError(
        f"no source '{path}': expected a video file, a folder or pattern of images, a camera "
        "number or an rtsp:// or http:// address"
    )
