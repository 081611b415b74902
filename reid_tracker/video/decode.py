"""Frames out of a PyAV container, past damage: what cannot be decoded is counted and skipped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MOST_ERRORS_IN_A_ROW = 20


@dataclass
class DecodeReport:
    """What reading a stream met.

    Attributes:
        packets: compressed pictures read from the container.
        frames: pictures that came out.
        lost: pictures that could not be decoded.
        damaged: pictures that came out with visible damage.
        end: end of the last compressed picture, in units of the stream's time base.
        stopped_by: reason why the container could not be read further, or None at a regular end.
    """

    packets: int = 0
    frames: int = 0
    lost: int = 0
    damaged: int = 0
    end: int = 0
    stopped_by: str | None = None


def decode_frames(
    container: InputContainer, stream: VideoStream, report: DecodeReport
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield every picture that can be decoded, in order of presentation.

    Args:
        container: opened for reading.
        stream: the video stream of it to decode.
        report: filled in while reading.

    Yields:
        Frame number from 0 (lost pictures leave a gap) and the picture.
    """
    import av.error

    # AVI stores decoding times only; libav reports them as presentation times, out of order where
    # the codec reorders. The n-th picture shown takes the n-th of these times.
    times: deque[int | None] | None = deque() if container.format.name == "avi" else None
    gaps: deque[int] = deque()  # numbers of frames behind which the numbering leaves one out
    skipped = 0
    for packet in _packets(container, stream, report):
        if packet.is_corrupt:
            # Half a packet decodes to half a picture and can take its neighbours along. The decoder
            # still holds pictures from before it, which keep their numbers.
            report.lost += 1
            gaps.append(report.packets - report.lost)
            continue
        if times is not None and packet.size:
            times.append(packet.dts)
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            report.lost += 1
            gaps.append(report.frames)
            if times:
                times.popleft()
            continue
        for frame in frames:
            while gaps and report.frames >= gaps[0]:
                gaps.popleft()
                skipped += 1
            if times:
                frame.pts = times.popleft()
            report.damaged += frame.is_corrupt
            report.frames += 1
            yield report.frames - 1 + skipped, frame


def _packets(
    container: InputContainer, stream: VideoStream, report: DecodeReport
) -> Iterator[Packet[VideoStream]]:
    """Yield packets, going on behind bad spots as long as packets come between them."""
    import av.error

    errors = 0
    while True:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    errors = 0
                    report.packets += 1
                    time = packet.pts if packet.pts is not None else packet.dts
                    report.end = max(report.end, (time or 0) + (packet.duration or 0))
                yield packet
            return
        except av.error.InvalidDataError as error:
            # PyAV ends its generator with the exception; a new one goes on behind the bad spot.
            errors += 1
            report.stopped_by = error.strerror
            if errors > _MOST_ERRORS_IN_A_ROW:
                return
            report.stopped_by = None
        except av.error.FFmpegError as error:
            report.stopped_by = error.strerror
            return
