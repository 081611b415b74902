"""One connection to a network camera: opened with time-outs, read until it breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple

from reid_tracker.config import StreamConfig
from reid_tracker.config.checked import shown
from reid_tracker.errors import ConfigError
from reid_tracker.picture_size import MOST_PIXELS, too_large
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.decode import close_container, ends_body, flags_whole_packets
from reid_tracker.video.hardware import hardware_decoder

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NO_PICTURE_S = 30.0  # limit of data without a picture; "smart" codecs send a key frame every 20 s
_KEY_FRAME_S = 10.0  # a stream without key frames has refreshed its whole picture by then
_MICROSECONDS = 1_000_000
_TRANSPORTS = ("tcp", "udp")
_LIVE_SCHEMES = {"rtsp", "rtsps", "rtmp", "rtmps", "rtp", "srtp", "udp", "srt", "mmsh", "mmst"}
_ENDLESS_FORMATS = {"hls", "dash", "mpjpeg", "sdp"}


class ConnectionBroken(Exception):  # noqa: N818 - it breaks sooner or later; that is no error
    """A connection could not be made or has ended.

    Attributes:
        reason: the reason in words, without an address.
        refused: whether the camera refused user and password.
        ended: whether it was a recording that was read to its end.
    """

    def __init__(self, reason: str, *, refused: bool = False, ended: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused
        self.ended = ended


class DecodedPicture(NamedTuple):
    """A decoded picture, not yet converted.

    Attributes:
        frame: PyAV's frame.
        pts_s: the stream's timestamp in seconds, or None.
        start_s: UTC seconds since 1970 at which timestamps were 0 by the camera's clock; None until
            the camera has sent it (by RTCP).
    """

    frame: VideoFrame
    pts_s: float | None
    start_s: float | None


class Connection:
    """A connection to a camera, for use by one thread.

    A read that blocks cannot be interrupted from outside, so every wait has a time limit.

    Args:
        address: of the camera.
        config: time-outs, transport and hardware, checked by `check_stream_config`.

    Attributes:
        frame_rate: nominal frames per second, or None if the camera does not say.
        damaged: pictures that could not be decoded, or only with visible damage.

    Raises:
        ConnectionBroken: nothing answers in time, access is refused, or there is no video.
    """

    def __init__(self, address: StreamAddress, config: StreamConfig) -> None:
        self._config = config
        self._always_live = config.live or is_live_address(address.url)
        self.damaged = 0
        self._container = _open(address, config)
        try:
            if not self._container.streams.video:
                raise ConnectionBroken("it has no video")
            self._stream = self._container.streams.video[0]
            if reason := too_large(self._stream.width, self._stream.height):
                raise ConnectionBroken(reason)
            self._stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
            # Frame threads would delay as many pictures as the machine has cores.
            self._stream.thread_type = "SLICE"
            self.frame_rate = _plausible(self._stream)
        except BaseException:
            close_container(self._container)
            raise

    def pictures(self) -> Iterator[DecodedPicture]:
        """Yield undamaged pictures from the first key frame on, as they arrive.

        Raises:
            ConnectionBroken: always, when the connection ends.
        """
        began = last = time.monotonic()
        in_sync = seen = False
        for packet in self._packets():
            now = time.monotonic()
            in_sync = in_sync or packet.is_keyframe or now - began > _KEY_FRAME_S
            for frame in self._decode(packet) if in_sync else ():
                last, seen = now, True
                yield self._picture(frame)
            if now - last > max(_NO_PICTURE_S, self._config.read_timeout_s):
                raise ConnectionBroken("it sends data, but no picture")
        ended = seen and not (self._always_live or never_ends(self._container))
        raise ConnectionBroken("the stream ended", ended=ended)

    def close(self) -> None:
        """Disconnect."""
        close_container(self._container)

    def _packets(self) -> Iterator[Packet[VideoStream]]:
        import av.error

        limit_s = self._config.read_timeout_s
        silent = f"nothing came for {limit_s:g} s"
        asked = time.monotonic()
        try:
            for packet in self._container.demux(self._stream):
                if time.monotonic() - asked > limit_s:
                    # The last complete picture, which libav held while it waited for more.
                    raise ConnectionBroken(silent)
                yield packet
                asked = time.monotonic()
        except (av.error.FFmpegError, OSError) as error:
            timed_out = time.monotonic() - asked > limit_s
            if not (timed_out or self._always_live) and ends_body(self._container, error):
                return
            broken = ConnectionBroken(silent) if timed_out else _broken(error)
            raise broken from None

    def _decode(self, packet: Packet[VideoStream]) -> Iterator[VideoFrame]:
        """Yield the pictures of a packet without visible damage, such as grey or green areas."""
        import av.error

        if packet.is_corrupt and not flags_whole_packets(self._container):
            self.damaged += 1
            return
        try:
            frames = packet.decode()
        except av.error.ArgumentError:  # the decoder refuses to allocate it
            raise ConnectionBroken(f"its pictures have more than {MOST_PIXELS:,} pixels") from None
        except av.error.FFmpegError:
            self.damaged += 1
            return
        for frame in frames:
            if frame.is_corrupt:
                self.damaged += 1
            else:
                yield frame

    def _picture(self, frame: VideoFrame) -> DecodedPicture:
        pts_s = None
        if frame.pts is not None and frame.time_base is not None:
            pts_s = float(frame.pts * frame.time_base)
        # PyAV before 17 lacks this.
        start = getattr(self._container, "start_time_realtime", None)
        return DecodedPicture(frame, pts_s, None if start is None else start / _MICROSECONDS)


def _open(address: StreamAddress, config: StreamConfig) -> InputContainer:
    import av
    import av.error

    timeouts = (config.open_timeout_s, config.read_timeout_s)
    words: dict[str, Any] = {"options": _options(address, config), "timeout": timeouts}
    if (decoder := hardware_decoder(config.hardware)) is not None:
        words["hwaccel"] = decoder
    began = time.monotonic()
    try:
        container: InputContainer = av.open(address.url, mode="r", **words)
    except (av.error.FFmpegError, OSError) as error:
        # After a time-out, libav reports the error of the interrupted step.
        if time.monotonic() - began > config.open_timeout_s:
            raise ConnectionBroken(f"no answer within {config.open_timeout_s:g} s") from None
        raise _broken(error) from None
    return container


def is_live_address(url: str) -> bool:
    """Whether the protocol of an address is used by cameras, not by servers of recordings."""
    return url.partition("://")[0].lower() in _LIVE_SCHEMES


def never_ends(container: InputContainer) -> bool:
    """Whether a format without a duration is used by cameras, whatever length its body has."""
    return container.duration is None and container.format.name in _ENDLESS_FORMATS


def check_stream_config(config: StreamConfig) -> None:
    """Raise ConfigError if a setting is invalid or not supported on this machine."""
    if config.transport not in _TRANSPORTS:
        raise ConfigError(f"stream.transport = {shown(config.transport)}: expected tcp or udp")
    hardware_decoder(config.hardware)


def _options(address: StreamAddress, config: StreamConfig) -> dict[str, str]:
    """Return libav's options."""
    if not address.url.lower().startswith("rtsp"):
        return {"analyzeduration": str(_MICROSECONDS), "max_pixels": str(MOST_PIXELS)}
    return {
        "max_pixels": str(MOST_PIXELS),
        "rtsp_transport": config.transport,
        "allowed_media_types": "video",
        # RTSP describes its streams, so probing them only costs 3 s. (0 means "default".)
        "analyzeduration": "1",
        "probesize": "32",
        "fpsprobesize": "0",
    }


def _broken(error: Exception) -> ConnectionBroken:
    """Describe libav's error without its text, which may hold the address."""
    import av.error

    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return ConnectionBroken("user or password refused", refused=True)
    if isinstance(error, av.error.HTTPNotFoundError):
        return ConnectionBroken("it has no such stream (404 not found)")
    strerror = getattr(error, "strerror", None)
    return ConnectionBroken((strerror or type(error).__name__).lower())


def _plausible(stream: VideoStream) -> Fraction | None:
    """Return the nominal rate; None for tick rates such as 90000 that libav guesses."""
    rate = stream.average_rate or stream.guessed_rate
    return Fraction(rate) if rate and 1 <= rate <= 240 else None
