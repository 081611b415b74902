"""A small HTTP server: /health for supervisors, /metrics for Prometheus."""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import logging
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from reid_tracker.closing import Closing
from reid_tracker.errors import ConfigError, ReidTrackerError
from reid_tracker.monitor.metrics import Metrics

logger = logging.getLogger(__name__)

_REQUEST_TIMEOUT_S = 5.0
_MOST_CONNECTIONS = 32
_CLOSING_S = 0.05
"""The longest that closing waits for the thread that accepts connections."""


@dataclass(frozen=True)
class Health:
    """The health of a host.

    Attributes:
        healthy: if False, the supervisor should act.
        details: states of the parts, as values for JSON.
    """

    healthy: bool
    details: Mapping[str, Any] = field(default_factory=dict)


class StatusServer(Closing):
    """Serves until it is closed; a context manager.

    Args:
        address: HOST:PORT; port 0 takes a free one.
        health: called at every request; it must not block.
        metrics: served as /metrics; None serves none.
        token: requests must carry it as "Authorization: Bearer TOKEN"; required if other machines
            can reach the address.

    Raises:
        ConfigError: the address is not valid, or open to other machines without a token.
        ReidTrackerError: the port cannot be used.
    """

    def __init__(
        self,
        address: str,
        health: Callable[[], Health],
        metrics: Metrics | None = None,
        token: str | None = None,
    ) -> None:
        host, port = parse_address(address)
        if not token and not is_loopback(host):
            raise ConfigError(
                f"the status address {address} is open to other machines: set a token for it, or "
                f"use 127.0.0.1:{port}"
            )
        handler = _handler(health, metrics, token)
        try:
            self._server = _Server(host, port, handler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ReidTrackerError(f"cannot serve the status at {address}: {reason}") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_CLOSING_S,), name="status server", daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port on which the server listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop, after answering the current requests."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a client that stalls must not hold up the end of a run

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # Each connection takes a thread and a descriptor; the oldest gives way to a new one.
        self._open: OrderedDict[Any, threading.Timer] = OrderedDict()
        self._lock = threading.Lock()
        super().__init__((host, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        # A timeout of the socket alone would restart with each byte received.
        timer = threading.Timer(_REQUEST_TIMEOUT_S, _end, [request])
        timer.daemon = True
        with self._lock:
            if len(self._open) >= _MOST_CONNECTIONS:
                oldest, its_timer = self._open.popitem(last=False)
                its_timer.cancel()
                _end(oldest)
            self._open[request] = timer
        timer.start()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            timer = self._open.pop(request, None)
        if timer is not None:
            timer.cancel()
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        logger.debug("a status request failed", exc_info=True)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def parse_address(address: str) -> tuple[str, int]:
    """Split HOST:PORT.

    Raises:
        ConfigError: the address has another form.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"'{address}': expected HOST:PORT, such as 127.0.0.1:9100")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach a host name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def carries_token(authorization: str, token: str) -> bool:
    """Whether a header is "Bearer TOKEN"; the time that it takes says nothing about the token."""
    return hmac.compare_digest(authorization.encode(), f"Bearer {token}".encode())


def _handler(
    health: Callable[[], Health], metrics: Metrics | None, token: str | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S
        server_version = "reid-track"
        sys_version = ""

        def do_GET(self) -> None:
            if token and not carries_token(self.headers.get("Authorization", ""), token):
                self._answer(HTTPStatus.UNAUTHORIZED, "text/plain", b"a token is required\n")
            elif self.path == "/health":
                state = health()
                status = HTTPStatus.OK if state.healthy else HTTPStatus.SERVICE_UNAVAILABLE
                content = {"healthy": state.healthy, **state.details}
                self._answer(status, "application/json", json.dumps(content).encode() + b"\n")
            elif self.path == "/metrics" and metrics is not None:
                self._answer(HTTPStatus.OK, "text/plain; version=0.0.4", metrics.text())
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"use /health or /metrics\n")

        def _answer(self, status: HTTPStatus, kind: str, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            logger.debug(format, *args)

    return Handler
