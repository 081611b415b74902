"""Videos on web servers: recordings, whose body ends, and cameras, whose body does not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from reid_tracker.config import StreamConfig
from reid_tracker.errors import SourceError
from reid_tracker.picture_size import MOST_PIXELS
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.av_source import AvSource, reason_of, video_stream
from reid_tracker.video.connection import never_ends
from reid_tracker.video.decode import close_container, ends_body

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_WATCH_S = 2.0
_BURST_S = 10.0  # at connection, a camera sends at most this much of its past at once
_MOST_BYTES = 2**26
_USUAL_RATE = 25


def open_recording(
    address: StreamAddress, name: str, stride: int, config: StreamConfig
) -> AvSource | None:
    """Open a recording on a web server, or at another network address that libav reads.

    Returns:
        The recording; None if the address is a camera, which `NetworkCamera` reads.

    Raises:
        SourceError: nothing answers in time, access is refused, or it is not a video.
    """
    import av

    timeout = (config.open_timeout_s, config.read_timeout_s)
    try:
        options = {"max_pixels": str(MOST_PIXELS)}
        container = av.open(address.url, mode="r", timeout=timeout, options=options)
    except av.error.FFmpegError as error:
        raise SourceError(
            f"cannot open {address} ({reason_of(error)}): expected a video stream that answers "
            f"within {config.open_timeout_s:g} s; check address, user, password and that it is "
            "running"
        ) from None
    try:
        source: Any = container
        if never_ends(container):
            source = None
        elif container.duration is None and container.size <= 0:
            source = _ReadAhead(container, video_stream(container, address.label))
            source = source if source.is_recording() else None
        if source is None:
            close_container(container)
            return None
    except BaseException:
        close_container(container)
        raise
    return AvSource(source, address.label, name, stride)


class _ReadAhead:
    """A container of unknown length whose first packets are read to measure how fast they arrive.

    A camera sends its pictures as it takes them; a recording arrives as fast as the network allows.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._packets: deque[Packet[VideoStream]] = deque()
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def is_recording(self) -> bool:
        """Whether the video ends within two seconds, or arrives faster than real time."""
        import av.error

        began_s, bytes_read, shown_s = time.monotonic(), 0, 0.0
        try:
            for packet in self._container.demux(self._stream):
                self._packets.append(packet)
                waited_s, bytes_read = time.monotonic() - began_s, bytes_read + packet.size
                shown_s = max(shown_s, self._shown_s(packet))
                if shown_s > waited_s + _BURST_S:
                    return True
                if waited_s > _WATCH_S or bytes_read > _MOST_BYTES:
                    return False
        except (av.error.FFmpegError, OSError) as error:
            if not ends_body(self._container, error):
                return False
        self._ended = True
        return True

    def demux(self, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
        """Yield all packets, including those already read."""
        while self._packets:
            yield self._packets.popleft()
        if not self._ended:
            yield from self._container.demux(stream)

    def _shown_s(self, packet: Packet[VideoStream]) -> float:
        """Return the playing time of the video up to a packet, seconds."""
        first_dts, base = self._packets[0].dts, self._stream.time_base
        if first_dts is None or packet.dts is None or base is None:
            rate = self._stream.average_rate or self._stream.guessed_rate or _USUAL_RATE
            return float(len(self._packets) / rate)
        return float((packet.dts - first_dts) * base)
