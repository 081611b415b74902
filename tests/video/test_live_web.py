"""A camera that sends pictures over HTTP without an end."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from reid_tracker.config import StreamConfig
from reid_tracker.types import SourceState
from reid_tracker.video import LiveSource, open_source
from tests.video.rtsp import number_of, scene
from tests.video.web_server import serving
from tests.waiting import wait_until

QUICK = StreamConfig(
    open_timeout_s=3, read_timeout_s=1.5, stall_after_s=1, reconnect_after_s=0.1, hardware="none"
)


class MotionJpeg(http.server.BaseHTTPRequestHandler):
    """Sends pictures for ever, until `silent` is set."""

    silent = threading.Event()
    ended = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
        self.end_headers()
        number = 0
        try:
            while not self.silent.is_set():
                data = cv2.imencode(".jpg", scene(number % 64))[1].tobytes()
                head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                self.wfile.write(head.encode() + data + b"\r\n")
                number += 1
                self.silent.wait(0.05)
            self.ended.wait(60)
        except OSError:
            pass  # the reader has left

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    MotionJpeg.silent.clear()
    MotionJpeg.ended.clear()
    with serving(MotionJpeg) as address:
        yield f"{address}/video?user=me&pwd=hunter2"
        MotionJpeg.ended.set()


@pytest.mark.slow
def test_motion_jpeg_is_live(address: str) -> None:
    with open_source(address, stream=QUICK) as source:
        assert isinstance(source, LiveSource)
        assert source.live
        frames = [frame for frame, _ in zip(source, range(20), strict=False)]
        for frame in frames:
            expected = scene(number_of(frame.image))
            assert np.abs(frame.image.astype(int) - expected).mean() < 5
        assert len({number_of(frame.image) for frame in frames}) == 20
        MotionJpeg.silent.set()
        wait_until(lambda: source.status().state is SourceState.STALLED)
        wait_until(lambda: source.status().state is SourceState.GONE)
        MotionJpeg.silent.clear()
        wait_until(lambda: source.status().state is SourceState.LIVE)
        assert "hunter2" not in f"{source.name} {source.label} {source.status()}"
