"""H.264 video that browsers play and that survives an interrupted run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from reid_tracker.errors import OutputError
from reid_tracker.resources import video_threads
from reid_tracker.sink.base import BaseSink
from reid_tracker.sink.files import cannot_write, create_file
from reid_tracker.types import FrameResult, ImageBGR, VideoInfo

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_log = logging.getLogger(__name__)

# A growing file is a series of fragments and plays up to the last complete one; closing makes it an
# ordinary MP4. FFmpeg before 7.1 keeps the fragments, which also play everywhere.
_MOVFLAGS = ("hybrid_fragmented+frag_keyframe", "frag_keyframe+empty_moov+default_base_moof")
_FRAGMENT_S = 2.0
_MOST_PAUSE_S = 1800.0  # MP4 durations have 32 bits: at most 2,147 s in the shortest ticks
_LEAST_TICKS, _MOST_TICKS = 90_000, 1_000_000  # per second
_CODEC_OPTIONS = {
    "preset": "veryfast",
    "bf": "0",  # no reordering: video starts at 0 s, and a kill loses fewer frames
    "forced-idr": "1",
    "colorspace": "bt709",
    "color_primaries": "bt709",
    "color_trc": "bt709",
    "color_range": "tv",
}


class VideoSink(BaseSink):
    """Writes frames with their own timing, so that variable rates and skipped frames are kept.

    A pause is shortened to half an hour, since players show nothing new in it.

    The first frame sets the size; odd sides grow by one pixel. A later frame of another size is
    scaled to fit, with black borders.

    Args:
        path: the file, ending in .mp4.
        info: the source; its rate becomes the video's nominal rate.
        draw: makes the picture to write, (H, W, 3) uint8 BGR, from a result; None writes the frame.
        crf: x264 quality, 0 best to 51 worst.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: the file exists, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        *,
        draw: Callable[[FrameResult], ImageBGR] | None = None,
        crf: int = 23,
        overwrite: bool = False,
    ) -> None:
        super().__init__(path)
        self._draw = draw
        self._crf = crf
        self._rate = _storable(info.frame_rate)
        # A multiple of the rate, so that constant rates such as 30000/1001 are exact.
        ticks = self._rate.numerator * max(1, -(-_LEAST_TICKS // self._rate.numerator))
        self._time_base = Fraction(1, ticks)
        self._output: tuple[OutputContainer, VideoStream] | None = None
        self._start_s = self._time_s = 0.0
        self._last_pts = -1
        self._pending: Packet[VideoStream] | None = None
        self._duration = round(1 / self._rate / self._time_base)
        self._next_key_s = 0.0
        # Reserves the name, so that an error shows now rather than at the first frame.
        create_file(path, overwrite).close()

    def write(self, result: FrameResult) -> None:
        """Encode one frame."""
        image = result.frame.image if self._draw is None else self._draw(result)
        try:
            if self._output is None:
                self._start_s = self._time_s = result.frame.timestamp_s
                self._output = self._start(with_even_sides(image))
            pause_s = result.frame.timestamp_s - self._time_s
            self._time_s = result.frame.timestamp_s
            if pause_s > _MOST_PAUSE_S:
                self._start_s += pause_s - _MOST_PAUSE_S
                text = "%s: a pause of %.0f s is shortened to %.0f s; other outputs keep the times"
                _log.warning(text, self.path, pause_s, _MOST_PAUSE_S)
            self._encode(*self._output, image, result.frame.timestamp_s - self._start_s)
        except av.error.FFmpegError as error:
            raise self._failed(error) from None

    def _start(self, image: ImageBGR) -> tuple[OutputContainer, VideoStream]:
        """Open file and encoder for pictures of the size of `image`, (H, W, 3) with even sides."""
        for movflags in _MOVFLAGS:
            container = av.open(
                f"file:{self.path}",
                "w",
                format="mp4",
                container_options={"movflags": movflags, "flush_packets": "1"},
            )
            options = {**_CODEC_OPTIONS, "crf": str(self._crf), "threads": str(video_threads())}
            stream: VideoStream = container.add_stream("libx264", self._rate, options)
            stream.height, stream.width = image.shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = self._time_base
            try:
                container.start_encoding()
            except ValueError:  # PyAV's error for "invalid argument" changed its name, not its base
                container.close()
                if movflags == _MOVFLAGS[-1]:
                    raise
                continue
            return container, stream
        raise AssertionError("the last of the flags either works or raises")

    def _encode(
        self, container: OutputContainer, stream: VideoStream, image: ImageBGR, time_s: float
    ) -> None:
        canvas = fit_to_canvas(image, stream.width, stream.height)
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(canvas), format="bgr24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709")
        # Frames share a tick only if they are too close in time for any screen to show both.
        self._last_pts = max(self._last_pts + 1, round(time_s / self._time_base))
        picture.pts, picture.time_base = self._last_pts, self._time_base
        if time_s >= self._next_key_s:
            picture.pict_type = av.video.frame.PictureType.I
            self._next_key_s = time_s + _FRAGMENT_S
        self._mux(container, stream.encode(picture))

    def _mux(self, container: OutputContainer, packets: Sequence[Packet[VideoStream]]) -> None:
        """Store packets, each lasting until the next; the encoder does not know durations."""
        for packet in packets:
            if self._pending is not None:
                self._duration = (packet.pts or 0) - (self._pending.pts or 0)
                self._pending.duration = self._duration
                container.mux(self._pending)
            self._pending = packet

    def _finish(self) -> None:
        """Flush the encoder and complete the file; without any frame, leave no file."""
        if self._output is None:
            self.path.unlink(missing_ok=True)
            return
        container, stream = self._output
        try:
            try:
                self._mux(container, stream.encode(None))
                if self._pending is not None:
                    self._pending.duration = self._duration
                    container.mux(self._pending)
            finally:
                container.close()
        except av.error.FFmpegError as error:
            raise self._failed(error) from None

    def _failed(self, error: av.error.FFmpegError) -> OutputError:
        if isinstance(error, OSError):
            return cannot_write(self.path, error)
        return OutputError(
            f"cannot write {self.path}: FFmpeg refused the video ({error.strerror}); "
            "check width, height and frame rate of the source"
        )


def _storable(rate: Fraction) -> Fraction:
    """Return the rate, or a similar one whose ticks allow pauses within 32-bit durations."""
    return rate if rate.numerator <= _MOST_TICKS else rate.limit_denominator(1001)


def with_even_sides(image: ImageBGR) -> ImageBGR:
    """Repeat the last column and row if a side is odd, which 4:2:0 video cannot hold.

    Takes and returns (H, W, 3) uint8; pixels keep their places.
    """
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return image
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def fit_to_canvas(image: ImageBGR, width: int, height: int) -> ImageBGR:
    """Fit a picture to a canvas: unchanged if it has the size, else scaled and centred on black.

    Takes (H, W, 3) uint8 and returns (height, width, 3) uint8; both sides of the canvas are even.
    """
    even = with_even_sides(image)
    if even.shape[:2] == (height, width):
        return even
    scale = min(width / image.shape[1], height / image.shape[0])
    new_width = min(width, max(1, round(image.shape[1] * scale)))
    new_height = min(height, max(1, round(image.shape[0] * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, (new_width, new_height), interpolation=interpolation)
    canvas = np.zeros((height, width, 3), np.uint8)
    top, left = (height - new_height) // 2, (width - new_width) // 2
    canvas[top : top + new_height, left : left + new_width] = scaled
    return canvas
