"""Decodes the frames of a PyAV container; damage is skipped, counted and described."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_MOST_ERRORS_IN_A_ROW = 20
_SOUND_OUTLASTS_PICTURE_S = 1


@dataclass
class DecodeReport:
    """What happened while a stream was read.

    Attributes:
        packets: compressed pictures read from the container.
        frames: decoded pictures.
        lost: pictures that could not be decoded.
        damaged: decoded pictures with visible damage.
        end: end of the last compressed picture, in units of the stream's time base.
        stopped_by: why the container could not be read further; None at a regular end.
    """

    packets: int = 0
    frames: int = 0
    lost: int = 0
    damaged: int = 0
    end: int = 0
    stopped_by: str | None = None


def close_container(container: InputContainer) -> None:
    """Close a container with FFmpeg's log turned off, since logging could cause a deadlock.

    Older versions of torchvision make PyAV pass log messages to Python. A decoder thread that logs
    then waits for the interpreter lock, while the thread that holds the lock waits for the decoder.
    """
    import av.logging

    av.logging.set_level(None)
    container.close()


def decode_frames(
    container: InputContainer, stream: VideoStream, report: DecodeReport
) -> Iterator[tuple[int, VideoFrame]]:
    """Yield every picture that can be decoded, in order of presentation.

    `report` is filled in while reading.

    Yields:
        Frame number from 0 (lost pictures leave a gap) and the picture.
    """
    import av.error

    # AVI stores decoding times only; libav reports them as presentation times, out of order where
    # the codec reorders. The n-th picture shown takes the n-th of these times.
    times: deque[int | None] | None = deque() if container.format.name == "avi" else None
    gaps: deque[int] = deque()  # frame numbers after which one number is skipped
    skipped = 0

    def numbered(frames: Iterable[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
        nonlocal skipped
        for frame in frames:
            while gaps and report.frames >= gaps[0]:
                gaps.popleft()
                skipped += 1
            if times:
                frame.pts = times.popleft()
            report.damaged += frame.is_corrupt
            report.frames += 1
            yield report.frames - 1 + skipped, frame

    for packet in _packets(container, stream, report):
        if packet.is_corrupt and not flags_whole_packets(container):
            # A partial packet decodes to a partial picture and can damage its neighbours. The
            # decoder still holds earlier pictures, which keep their numbers.
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
        report.damaged += packet.is_corrupt
        yield from numbered(frames)
    yield from numbered(_held_back(stream))


def _held_back(stream: VideoStream) -> list[VideoFrame]:
    """Return the pictures that the decoder still holds after reading stopped early."""
    import av.error

    try:
        frames = stream.decode(None)
    except av.error.FFmpegError:  # at a regular end nothing is left
        return []
    for frame in frames:
        frame.time_base = stream.time_base
    return frames


def flags_whole_packets(container: InputContainer) -> bool:
    """Whether a packet flagged as damaged may be complete, and is worth decoding.

    The MPEG-TS reader flags the last packet before every gap in the counters, also where segments
    are joined.
    """
    return container.format.name in ("mpegts", "hls")


def ends_body(container: InputContainer, error: Exception) -> bool:
    """Whether an error only means that a web server closed a body of unknown length.

    libav calls it an input/output error; only a body in chunks has an end of its own.
    """
    return container.size <= 0 and getattr(error, "errno", None) == errno.EIO


def _packets(
    container: InputContainer, stream: VideoStream, report: DecodeReport
) -> Iterator[Packet[VideoStream]]:
    """Yield packets; continue after bad spots as long as packets come between them."""
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
            # The exception ends PyAV's generator; a new one continues after the bad spot.
            errors += 1
            report.stopped_by = error.strerror
            if errors > _MOST_ERRORS_IN_A_ROW:
                return
            report.stopped_by = None
        except av.error.FFmpegError as error:
            if not ends_body(container, error):
                report.stopped_by = error.strerror
            return


def describe_damage(
    container: InputContainer, stream: VideoStream, frame_rate: Fraction, report: DecodeReport
) -> str | None:
    """Compare what was read with what the container declares.

    Returns:
        One line without the file's name, or None if the file is complete.
    """
    declared, missing = _declared_and_missing(container, stream, frame_rate, report)
    if not (report.lost or report.damaged or report.stopped_by or missing):
        return None
    count = f"{report.frames} of {declared} frames" if declared else f"{report.frames} frames"
    parts = [f"damaged or cut short: {count} read"]
    if report.lost:
        parts.append(f"{report.lost} could not be decoded")
    if report.damaged:
        parts.append(f"{report.damaged} may show damage")
    if report.stopped_by:
        parts.append(f"reading stopped with '{report.stopped_by}'")
    return ", ".join(parts)


def _declared_and_missing(
    container: InputContainer, stream: VideoStream, frame_rate: Fraction, report: DecodeReport
) -> tuple[int | None, bool]:
    """Return how many frames the container declares, and whether some were never stored."""
    container_format = container.format.name
    end = round(report.end * (stream.time_base or Fraction(1)) * frame_rate)
    if stream.frames and "mp4" in container_format:
        # The index holds fewer frames than the header if an edit list removes some.
        indexed = len(getattr(stream, "index_entries", ())) or stream.frames
        declared = min(stream.frames, indexed)
        return declared, report.packets < declared
    if stream.frames and container_format == "avi":
        # The header counts slots; a recorder that dropped frames left some empty.
        return stream.frames, report.end < stream.frames
    if "matroska" in container_format:
        seconds, tolerance = _matroska_duration_s(container, stream)
        declared = round(seconds * frame_rate)
        return declared or None, end + max(2, round(tolerance * frame_rate)) < declared
    return stream.frames or None, False


def _matroska_duration_s(
    container: InputContainer, stream: VideoStream
) -> tuple[Fraction, Fraction]:
    """Return the declared duration of the video and its tolerance, in seconds."""
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds), Fraction(0)
    except ValueError:
        # The file's duration is that of its longest stream, which may be the audio.
        return Fraction(container.duration or 0, 1_000_000), Fraction(_SOUND_OUTLASTS_PICTURE_S)
