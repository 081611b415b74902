"""Live MPEG-TS of joined segments: counters and times restart, and no picture is lost."""

from __future__ import annotations

import http.server
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.video import LiveSource, open_source
from reid_tracker.video.address import StreamAddress
from reid_tracker.video.connection import Connection
from reid_tracker.video.picture import to_upright_bgr
from tests.transport.servers import free_port
from tests.video.clips import number_of, write_clip

CONFIG = StreamConfig(hardware="none")
RATE, LENGTH = Fraction(25), 12
PACKETS = 7 * 188  # what a datagram holds

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\n"


class Camera:
    """Sends segments for ever, as fast as they are shown, to each reader."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._over = threading.Event()
        self._socket = socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM
        )

    def begin(self, segment: bytes) -> str:
        """Start; returns the address."""
        port = free_port()
        if self._way == "udp":
            self._socket.connect(("127.0.0.1", port))
            work = partial(self._send, self._datagram, segment)
        else:
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen()
            work = partial(self._serve, segment)
        threading.Thread(target=work, daemon=True).start()
        return f"{self._way}://127.0.0.1:{port}"

    def end(self) -> None:
        self._over.set()
        self._socket.close()

    def _datagram(self, piece: bytes) -> None:
        with suppress(ConnectionRefusedError):  # nobody listens yet
            self._socket.send(piece)

    def _serve(self, segment: bytes) -> None:
        with suppress(OSError):  # closed at the end
            while not self._over.is_set():
                reader = self._socket.accept()[0]
                with reader:
                    if self._way == "http":
                        reader.recv(65536)
                        reader.sendall(HEAD)
                    self._send(reader.sendall, segment)

    def _send(self, write: Callable[[bytes], object], segment: bytes) -> None:
        pieces = [segment[start : start + PACKETS] for start in range(0, len(segment), PACKETS)]
        began_s = time.monotonic()
        with suppress(OSError):  # the reader has left
            for number, piece in enumerate(itertools.cycle(pieces)):
                write(piece)
                due_s = began_s + (number + 1) * float(LENGTH / RATE) / len(pieces)
                if self._over.wait(max(0.0, due_s - time.monotonic())):
                    return


@pytest.fixture(params=["tcp", "udp", "http"])
def camera(request: pytest.FixtureRequest) -> Iterator[Camera]:
    camera = Camera(request.param)
    yield camera
    camera.end()


@pytest.mark.slow
@pytest.mark.parametrize("bf", ["0", "3"])
def test_no_picture_is_lost_where_segments_are_joined(
    camera: Camera, tmp_path: Path, bf: str
) -> None:
    segment = write_clip(tmp_path / "one.ts", LENGTH, RATE, encoder={"bf": bf}).read_bytes()
    with closing(Connection(StreamAddress("x", camera.begin(segment)), CONFIG)) as connection:
        shown = itertools.islice(connection.pictures(), 5 * LENGTH)
        numbers = [number_of(to_upright_bgr(picture.frame)) for picture in shown]
    assert connection.damaged == 0
    gaps = [(one, other) for one, other in pairwise(numbers) if other != (one + 1) % LENGTH]
    assert not gaps, numbers


@pytest.mark.slow
def test_time_goes_on_where_segments_are_joined(camera: Camera, tmp_path: Path) -> None:
    segment = write_clip(tmp_path / "one.ts", LENGTH, RATE).read_bytes()
    with open_source(camera.begin(segment), stream=CONFIG) as source:
        assert isinstance(source, LiveSource)
        late_s = []
        for frame in itertools.islice(source, 4 * LENGTH):
            assert frame.captured_s is not None
            late_s.append(time.time() - frame.captured_s)
        assert source.status().reconnects == 0
    assert max(late_s[-LENGTH:]) < min(late_s) + 5  # behind by the load of the machine at most


class Playlist(http.server.BaseHTTPRequestHandler):
    """A live HLS stream: its list names the newest segments, each recorded by itself."""

    segment = b""
    began_s = 0.0

    def do_GET(self) -> None:
        body = self.segment if self.path.endswith(".ts") else self._newest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):  # the reader has left
            self.wfile.write(body)

    def _newest(self) -> str:
        count = 3 + int((time.monotonic() - self.began_s) / float(LENGTH / RATE))
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        lines.append(f"#EXT-X-MEDIA-SEQUENCE:{count - 3}")
        for number in range(count - 3, count):
            lines += ["#EXT-X-DISCONTINUITY", f"#EXTINF:{float(LENGTH / RATE)},", f"{number}.ts"]
        return "\n".join([*lines, ""])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
def test_no_picture_is_lost_in_a_live_playlist_with_discontinuities(tmp_path: Path) -> None:
    Playlist.segment = write_clip(tmp_path / "one.ts", LENGTH, RATE).read_bytes()
    Playlist.began_s = time.monotonic()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Playlist) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/live.m3u8"
        with closing(Connection(StreamAddress("x", url), CONFIG)) as connection:
            shown = itertools.islice(connection.pictures(), 6 * LENGTH)
            numbers = [number_of(to_upright_bgr(picture.frame)) for picture in shown]
        server.shutdown()
    gaps = [(one, other) for one, other in pairwise(numbers) if other != (one + 1) % LENGTH]
    assert not gaps, numbers
