"""A small encoder, pictures, and a server of a test's own."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np

from reid_tracker.encode_server.app import Model, create_app
from reid_tracker.encode_server.batcher import Batcher
from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.encode_server.server import listen, make_server
from reid_tracker.types import Boxes, Embeddings, ImageBGR
from tests.waiting import PATIENCE_S

MODEL = Model(encoder="mean colour", fingerprint="mean", embedding_size=3)
BOUNDARY = "b0undary"


class MeanColour:
    """An encoder whose embedding is the mean colour, of length 1; it notes its batches."""

    embedding_size = 3

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self.busy = threading.Event()

    def encode_batch(self, images: Sequence[ImageBGR], boxes: Sequence[Boxes]) -> list[Embeddings]:
        self.busy.set()
        assert self.go_on.wait(PATIENCE_S)
        self.batches.append([len(rows) for rows in boxes])
        return [
            np.array([_mean(image, box) for box in rows], np.float32).reshape(-1, 3)
            for image, rows in zip(images, boxes, strict=True)
        ]

    def encode(self, image: ImageBGR, boxes: Boxes) -> Embeddings:
        return self.encode_batch([image], [boxes])[0]

    def encode_crops(self, crops: object, *, color: str = "bgr") -> Embeddings:
        raise NotImplementedError


def _mean(image: ImageBGR, box: Boxes) -> Embeddings:
    left, top, right, bottom = box.astype(int).clip(0)
    part = image[top:bottom, left:right].reshape(-1, 3)
    mean = part.mean(axis=0) if part.size else np.ones(3)
    row: Embeddings = (mean / (np.linalg.norm(mean) + 1e-9)).astype(np.float32)
    return row


def picture(blue: int, green: int, red: int, size: tuple[int, int] = (20, 10)) -> bytes:
    """Return a PNG file of one colour; size is (height, width)."""
    image = np.full((*size, 3), (blue, green, red), np.uint8)
    return cv2.imencode(".png", image)[1].tobytes()


def form(*fields: tuple[str, bytes | str]) -> bytes:
    """Return a multipart body; bytes are files, texts are values."""
    body = b""
    for name, content in fields:
        file = '; filename="a.png"' if isinstance(content, bytes) else ""
        data = content if isinstance(content, bytes) else content.encode()
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def post(
    port: int, path: str, body: bytes, headers: dict[str, str] = FORM
) -> tuple[int, dict[str, str], bytes]:
    """Send a request; return the status, the headers by their names in small letters, the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@contextmanager
def serving(
    encoder: MeanColour, token: str | None = None, limits: RequestLimits = RequestLimits()
) -> Iterator[int]:
    """Serve in a thread, and yield the port."""
    with Batcher(encoder) as batcher, listen("127.0.0.1:0", token) as socket:
        server = make_server(create_app(batcher, MODEL, token, limits), limits)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
        thread.start()
        try:
            yield socket.getsockname()[1]
        finally:
            server.should_exit = True
            encoder.go_on.set()
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
