"""Videos on web servers: bodies that end are read once and whole, what never ends is a camera."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.errors import SourceError
from reid_tracker.video import LiveSource, open_source, open_sources
from tests.video.clips import number_of, numbered, write_clip
from tests.video.web_server import serving
from tests.waiting import wait_until

QUICK = StreamConfig(
    open_timeout_s=5,
    read_timeout_s=5,
    reconnect_after_s=0.05,
    reconnect_most_s=0.1,
    hardware="none",
)


class Video(http.server.BaseHTTPRequestHandler):
    """Sends `file`, with its length, in chunks, or until the connection closes; fast or slowly."""

    file = b""
    way = "length"
    pause_s = 0.0
    endless = False
    requests = 0
    stop = threading.Event()

    def do_GET(self) -> None:
        Video.requests += 1
        self.protocol_version = "HTTP/1.1" if self.way == "chunks" else "HTTP/1.0"
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        if self.way == "length":
            self.send_header("Content-Length", str(len(self.file)))
        if self.way == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):  # the reader may leave
            while True:
                for start in range(0, len(self.file), 1880):
                    self._send(self.file[start : start + 1880])
                    if self.pause_s and self.stop.wait(self.pause_s):
                        return
                if not self.endless:
                    break
            if self.way == "chunks":
                self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def _send(self, part: bytes) -> None:
        if self.way == "chunks":
            part = b"%x\r\n%s\r\n" % (len(part), part)
        self.wfile.write(part)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("file", "way", "pause_s", "endless", "requests"):
        monkeypatch.setattr(Video, name, getattr(Video, name))
    Video.stop.clear()
    with serving(Video) as address:
        yield f"{address}/"
        Video.stop.set()


RECORDINGS: list[tuple[str, dict[str, str]]] = [
    ("a.mkv", {"live": "1"}),
    ("a.h264", {}),
    ("a.ts", {}),
    ("a.mjpeg", {}),
    ("a.mp4", {"movflags": "faststart"}),
]


@pytest.mark.parametrize(
    ("name", "muxer", "way"),
    [
        (name, muxer, way)
        for name, muxer in RECORDINGS
        for way in ("length", "chunks", "close")
        # libav cannot even open a few bare pictures that end with the connection.
        if (name, way) != ("a.mjpeg", "close")
    ],
)
def test_a_body_that_ends_is_read_once_and_whole(
    server: str, tmp_path: Path, name: str, muxer: dict[str, str], way: str
) -> None:
    if name == "a.mjpeg":
        pictures = (cv2.imencode(".jpg", numbered(number))[1].tobytes() for number in range(20))
        Video.file = b"".join(pictures)
    else:
        Video.file = write_clip(tmp_path / name, 20, muxer=muxer).read_bytes()
    Video.way = way
    source = open_source(server + name, stream=QUICK)
    assert not source.live
    assert [number_of(frame.image) for frame in source] == list(range(20))


def test_a_long_recording_without_a_length_is_read_once_and_whole(
    server: str, tmp_path: Path
) -> None:
    Video.file = write_clip(tmp_path / "a.ts", 600, Fraction(25)).read_bytes()
    Video.way = "chunks"
    source = open_source(server + "a.ts", stream=QUICK)
    assert not source.live
    numbers = [number_of(frame.image) for frame in source]
    assert len(numbers) == 600
    assert Video.requests == 1


@pytest.mark.slow
def test_what_comes_as_slowly_as_it_is_played_is_a_camera_until_it_ends(
    server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Video.file = write_clip(tmp_path / "a.ts", 100, Fraction(10)).read_bytes()
    Video.way, Video.pause_s = "chunks", 2.6 / (len(Video.file) / 1880)
    with open_source(server + "a.ts", stream=QUICK) as source:
        assert isinstance(source, LiveSource)
        assert len(list(source)) > 0  # ends, and is not read again
        assert source.closed
    assert "was a recording; if it is a camera, use --live" in caplog.text


@pytest.mark.slow
def test_a_video_that_never_ends_is_a_camera(server: str, tmp_path: Path) -> None:
    Video.file = write_clip(tmp_path / "a.ts", 20, Fraction(25)).read_bytes()
    Video.way, Video.pause_s, Video.endless = "close", 0.1, True
    with open_source(server + "a.ts", stream=QUICK) as source:
        assert source.live
        assert len([frame for frame, _ in zip(source, range(5), strict=False)]) == 5


@pytest.mark.parametrize("how", ["option", "list"])
def test_what_the_user_calls_live_is_opened_again_where_it_ends(
    server: str, tmp_path: Path, how: str
) -> None:
    Video.file = write_clip(tmp_path / "a.ts", 20).read_bytes()
    if how == "option":
        stream = StreamConfig(live=True, reconnect_after_s=0.05, hardware="none")
        source = open_source(server + "a.ts", stream=stream)
    else:
        cameras = tmp_path / "cameras.yaml"
        cameras.write_text(f"cameras:\n- name: yard\n  url: {server}a.ts\n  live: true\n")
        (source,) = open_sources([str(cameras)], stream=QUICK)
    with source:
        assert source.live
        wait_until(lambda: Video.requests >= 3)


def test_what_is_no_video_is_refused_in_one_line(server: str) -> None:
    Video.file, Video.way = b"no video " * 500, "chunks"
    with pytest.raises(SourceError, match="has no video, only text"):
        open_source(server + "a.txt", stream=QUICK)
