"""A local server that serves one file, with faults on request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Behaviour:
    """What the server does.

    Attributes:
        content: the file.
        cut_after: bytes of each answer after which the connection ends, for the first `cuts`.
        cuts: how many answers are cut.
        announce: a wrong Content-Length.
        ranges: whether Range is supported.
        wrong_range: answer a Range from a wrong position.
        statuses: error codes of the first answers.
        kind: Content-Type.
        etag: mark of the version.
        redirect: target of a redirect for every request.
        no_length: send no Content-Length.
        seen: headers of the requests so far.
    """

    content: bytes = b""
    cut_after: int = 0
    cuts: int = 0
    announce: int | None = None
    ranges: bool = True
    wrong_range: bool = False
    statuses: list[int] = field(default_factory=list)
    kind: str = "application/octet-stream"
    etag: str | None = '"v1"'
    redirect: str | None = None
    no_length: bool = False
    seen: list[dict[str, str]] = field(default_factory=list)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    behaviour: Behaviour

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Answer as the behaviour says."""
        do = self.behaviour
        do.seen.append(dict(self.headers))
        self.close_connection = True
        if do.redirect is not None:
            self.send_response(302)
            self.send_header("Location", do.redirect)
            self.end_headers()
            return
        if do.statuses:
            self.send_response(do.statuses.pop(0))
            self.end_headers()
            return
        start = self._start(do)
        if start is None:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(do.content)}")
            self.end_headers()
            return
        self._send(do, start)

    def _start(self, do: Behaviour) -> int | None:
        asked = self.headers.get("Range")
        same = self.headers.get("If-Range") in (None, do.etag)
        if asked is None or not do.ranges or not same:
            return 0
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        return start if start < len(do.content) else None

    def _send(self, do: Behaviour, start: int) -> None:
        body = do.content[start:]
        self.send_response(206 if start else 200)
        if start:
            first = start - 1 if do.wrong_range else start
            last, total = len(do.content) - 1, len(do.content)
            self.send_header("Content-Range", f"bytes {first}-{last}/{total}")
        if not do.no_length:
            length = len(body) if do.announce is None else do.announce
            self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", do.kind)
        if do.etag is not None:
            self.send_header("ETag", do.etag)
        self.end_headers()
        if do.cuts:
            do.cuts -= 1
            body = body[: do.cut_after]
        try:
            self.wfile.write(body)
        except OSError:
            return  # the client had enough


@contextmanager
def serving(content: bytes) -> Iterator[Behaviour]:
    """Run the server while the `with` block runs."""
    behaviour = Behaviour(content)
    handler = type("Handler", (_Handler,), {"behaviour": behaviour})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    behaviour.url = f"http://127.0.0.1:{server.server_address[1]}/model.pt"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield behaviour
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
