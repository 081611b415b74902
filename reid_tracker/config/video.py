"""Settings of reading files and network cameras."""

from __future__ import annotations

from dataclasses import dataclass

from reid_tracker.config.checked import Checked, number


@dataclass(frozen=True)
class VideoConfig(Checked):
    """How videos and images are read.

    Attributes:
        stride: read every n-th frame only.
        frame_rate: frames per second of images, or of a file whose header is wrong; null takes the
            file's own.
        frames_per_batch: number of frames of each source that are detected in one batch; more than
            1 helps a GPU on files and delays the output by as many frames.
    """

    stride: int = number(1, 1)
    frame_rate: float | None = number(None, 0.001)
    frames_per_batch: int = number(1, 1)


@dataclass(frozen=True)
class StreamConfig(Checked):
    """How network cameras are read.

    Attributes:
        transport: "tcp", or "udp", which smears pictures where packets are lost; RTSP only.
        open_timeout_s: longest wait for an answer while connecting.
        read_timeout_s: a connection without data for this long is closed and opened again.
        stall_after_s: a connected camera without a picture for this long is reported as stalled.
        reconnect_after_s: wait before the first new attempt; doubles with each that fails.
        reconnect_most_s: longest such wait.
        refused_after_s: wait where the camera refuses user and password, since many cameras lock
            an account after a few wrong ones; doubles up to ten times this.
        hardware: "auto" decodes on a graphics device if there is one, "none" never does; or "cuda",
            "vaapi", "videotoolbox", ...
    """

    transport: str = "tcp"
    open_timeout_s: float = number(5.0, 0.1, 3600.0)
    read_timeout_s: float = number(4.0, 0.1, 3600.0)
    stall_after_s: float = number(3.0, 0.1, 3600.0)
    reconnect_after_s: float = number(0.5, 0.01, 3600.0)
    reconnect_most_s: float = number(2.0, 0.01, 3600.0)
    refused_after_s: float = number(30.0, 0.01, 3600.0)
    hardware: str = "auto"
