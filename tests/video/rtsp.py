"""Cameras for tests: real RTSP servers in processes of their own, to be killed and frozen."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reid_tracker.types import ImageBGR
from tests.waiting import freeze

PACKAGES = (
    "gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-bad python3-gi"
)
SYSTEM_PYTHON = "/usr/bin/python3"
FRAMES, RATE, WIDTH, HEIGHT = 40, 10, 320, 240
_BLOCK = 32  # pixels; six of them, black or white, tell the number of a frame

_PROBE = (
    "import gi; gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "assert all(map(Gst.ElementFactory.find, ['rtph264pay', 'h264parse', 'qtdemux', 'appsrc']))"
)


@functools.cache
def missing() -> str:
    """Why there is no RTSP server on this machine, or nothing."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"no {SYSTEM_PYTHON}"
    probe = subprocess.run([SYSTEM_PYTHON, "-c", _PROBE], capture_output=True, check=False)
    return "" if probe.returncode == 0 else f"needs a test server: apt-get install {PACKAGES}"


def need_server() -> None:
    """Skip the test where the server's packages are absent; CI must have them."""
    if reason := missing():
        assert not os.environ.get("REID_NEED_RTSP"), reason
        pytest.skip(reason)


def walker_left(index: int) -> int:
    """Left edge of the walker, who goes there and back: no jump where the clip begins again."""
    half = FRAMES // 2
    return 40 + 8 * (half - abs(index % FRAMES - half))


def scene(index: int, scale: int = 1) -> ImageBGR:
    """Frame `index` of the clip: its number in blocks, and a red walker below."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for bit in range(6):
        image[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 235 if index >> bit & 1 else 20
    left = walker_left(index)
    image[100:220, left : left + 50] = (20, 20, 220)
    return image.repeat(scale, 0).repeat(scale, 1)


def number_of(image: ImageBGR) -> int:
    """Read back the number of `scene`, at any size."""
    scale = image.shape[0] // HEIGHT
    blocks = image[: _BLOCK * scale, : 6 * _BLOCK * scale].reshape(
        _BLOCK * scale, 6, _BLOCK * scale, 3
    )
    bits = blocks.mean(axis=(0, 2, 3)) > 128
    return int((bits << np.arange(6)).sum())


def write_scene(path: Path, frames: int = FRAMES, rate: int = RATE, scale: int = 1) -> Path:
    """Write the clip as cameras encode: one slice, no reordering, headers before key frames."""
    # Sliced frames come out of every reader half green, in full number.
    options = {
        "preset": "veryfast",
        "bf": "0",
        "g": "10",
        "x264-params": "sliced-threads=0:slices=1:repeat-headers=1",
    }
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(rate), options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH * scale, HEIGHT * scale, "yuv420p"
        for index in range(frames):
            frame = av.VideoFrame.from_ndarray(scene(index, scale), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decoded(path: Path) -> list[ImageBGR]:
    """What every sound reader must deliver of a clip, to the last bit."""
    from reid_tracker.video import open_source

    return [frame.image for frame in open_source(path)]


class Camera:
    """A server process with one or more streams, which keeps its port over restarts.

    Args:
        streams: file by name; several files, joined by +, are shown one after the other.
        words: more options of the server.
    """

    def __init__(self, streams: Mapping[str, Path | str], *words: str) -> None:
        need_server()
        self.port = 0
        self._words = words
        self._process: subprocess.Popen[str] | None = None
        self._log: list[str] = []
        self.start(streams)

    def start(self, streams: Mapping[str, Path | str] | None = None, *words: str) -> None:
        """Start the server, also with other streams, and return when it answers."""
        if streams is not None:
            self._streams = [f"{name}={path}" for name, path in streams.items()]
        script = Path(__file__).with_name("rtsp_server.py")
        options = ["--port", str(self.port), *self._words, *words]
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, script, *options, *self._streams], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().split()
        assert line[:1] == ["ready"], line
        self.port = int(line[1])
        os.set_blocking(self._process.stdout.fileno(), False)

    def url(self, name: str = "door", credentials: str = "") -> str:
        return f"rtsp://{credentials}127.0.0.1:{self.port}/{name}"

    @property
    def pid(self) -> int:
        """Number of its process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut does."""
        if self._process is not None:
            self._read_log()
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def freeze(self) -> None:
        """Leave its connections open and silent, as a pulled cable does."""
        assert self._process is not None
        freeze(self._process.pid)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def clients(self) -> int:
        """How often somebody has connected."""
        self._read_log()
        return self._log.count("client")

    def _read_log(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            self._log.append(line.strip())

    def __enter__(self) -> Camera:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
