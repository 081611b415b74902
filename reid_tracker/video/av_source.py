"""Video files and recordings on servers, read with PyAV: true times, rotation applied."""

from __future__ import annotations

import dataclasses
import logging
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from reid_tracker.errors import SourceError
from reid_tracker.picture_size import MOST_PIXELS, too_large
from reid_tracker.resources import video_threads
from reid_tracker.types import Frame, VideoInfo
from reid_tracker.video.clock import LOOK_AHEAD, PresentationClock
from reid_tracker.video.decode import DecodeReport, close_container, decode_frames, describe_damage
from reid_tracker.video.naming import printable, safe_name
from reid_tracker.video.picture import to_upright_bgr
from reid_tracker.video.source import BaseSource

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_log = logging.getLogger(__name__)

_EARLIEST_S = 315_532_800.0  # 1980
_DEFAULT_RATE = Fraction(25)
_TEXT_ART_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}  # libav "plays" plain text with these


class AvSource(BaseSource):
    """A container that PyAV has opened; use `open_video_file` or `open_recording`.

    Frames have the stored pixels, even if the container declares non-square pixels. They are turned
    upright if the container holds a rotation. A video that changes its size midway yields frames of
    the new size.

    Args:
        container: opened for reading; the source now owns and closes it.
        label: the source's name in messages; must hold no credentials.
        name: stem for output files.
        stride: every n-th frame is yielded.
        frame_rate: frames per second; replaces the container's rate and timestamps unless None.

    Raises:
        SourceError: the container has no video, or none of its frames can be decoded.
    """

    def __init__(
        self,
        container: InputContainer,
        label: str,
        name: str,
        stride: int,
        *,
        frame_rate: Fraction | None = None,
    ) -> None:
        self._container = container
        label = self._label = printable(label)
        try:
            self._stream = video_stream(container, label)
            if reason := too_large(self._stream.width, self._stream.height):
                raise SourceError(f"{label} cannot be read: {reason}")
            # A video may become larger midway.
            self._stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
            self._stream.thread_type = "AUTO"
            self._stream.codec_context.thread_count = video_threads()
            self._report = DecodeReport()
            self._decoded = decode_frames(container, self._stream, self._report)
            # Only the first frame shows the rotation, and that decoding works.
            self._first = next(self._decoded, None)
            if self._first is None:
                raise SourceError(
                    f"{label} has no frame that can be decoded: expected a video; "
                    "check that it plays elsewhere"
                )
            info = _describe(container, self._stream, self._first[1])
            self._container_rate = info.frame_rate
            self._own_timestamps = frame_rate is None
            if frame_rate is not None:
                info = dataclasses.replace(info, frame_rate=frame_rate)
            super().__init__(name, info, stride)
        except BaseException:
            close_container(container)
            raise

    def _read(self) -> Iterator[Frame]:
        clock = PresentationClock(self.info.frame_rate)
        pictures = self._pictures()
        ahead: deque[tuple[int, VideoFrame]] = deque()

        def following() -> list[int | None]:
            ahead.extend(islice(pictures, LOOK_AHEAD - len(ahead)))
            return [picture.pts for _, picture in ahead]

        while one := ahead.popleft() if ahead else next(pictures, None):
            index, picture = one
            pts = picture.pts if self._own_timestamps else None
            timestamp_s = clock.time_s(index, pts, picture.time_base, following)
            if index % self._stride == 0:
                yield Frame(to_upright_bgr(picture), index, timestamp_s)
        self._warn_of_damage()

    def _pictures(self) -> Iterator[tuple[int, VideoFrame]]:
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        yield from self._decoded

    def _warn_of_damage(self) -> None:
        damage = describe_damage(self._container, self._stream, self._container_rate, self._report)
        if damage is not None:
            _log.warning("%s is %s", self._label, damage)

    def _release(self) -> None:
        close_container(self._container)


def open_video_file(path: Path, stride: int, frame_rate: Fraction | None = None) -> AvSource:
    """Open a video file.

    Raises:
        SourceError: the file cannot be read, is not a video, or holds no frame.
    """
    import av

    try:
        # "file:" keeps libav from reading a colon in the name as a protocol.
        container = av.open(f"file:{path}", mode="r", options={"max_pixels": str(MOST_PIXELS)})
    except av.error.FFmpegError as error:
        raise SourceError(
            f"cannot read {printable(path)} as a video ({reason_of(error)}): expected a file "
            "that FFmpeg plays, e.g. MP4, MKV or AVI"
        ) from None
    return AvSource(container, str(path), safe_name(path.stem), stride, frame_rate=frame_rate)


def video_stream(container: InputContainer, label: str) -> VideoStream:
    """Return the first video stream that is not a cover picture."""
    from av.stream import Disposition

    if container.format.name not in _TEXT_ART_FORMATS:
        for stream in container.streams.video:
            if not stream.disposition & Disposition.attached_pic:
                return stream
    # A remaining video stream is a cover picture, or text that libav would play.
    others = {stream.type for stream in container.streams} - {"video"}
    kinds = ", ".join(sorted(others)) or "text or pictures"
    raise SourceError(f"{label} has no video, only {kinds}: expected a file with moving pictures")


def _describe(container: InputContainer, stream: VideoStream, first: VideoFrame) -> VideoInfo:
    """Return the stream's properties; width and height are those of upright frames."""
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or _DEFAULT_RATE
    width, height = first.width, first.height
    if round(first.rotation / 90) % 2:
        width, height = height, width
    recorded_s = _recorded_s(container.metadata.get("creation_time", ""))
    return VideoInfo(width, height, Fraction(rate), stream.frames or None, recorded_s)


def _recorded_s(text: str) -> float | None:
    """Return a container's creation time, UTC seconds since 1970; None if it has none."""
    try:
        time = datetime.fromisoformat(text)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)  # containers mean UTC
        seconds = time.timestamp()
    except (ValueError, OverflowError):
        return None
    # A clock that was never set starts in 1970, or in 1904, the epoch of MP4.
    return seconds if seconds > _EARLIEST_S else None


def reason_of(error: Exception) -> str:
    """Return libav's error text without the address, which may hold a password."""
    return getattr(error, "strerror", None) or type(error).__name__
