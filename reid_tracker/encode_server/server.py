"""Listens, and serves the application until a signal stops it."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from reid_tracker.encode_server.limits import RequestLimits
from reid_tracker.errors import ConfigError, ReidTrackerError
from reid_tracker.monitor.status_server import is_loopback, parse_address

logger = logging.getLogger(__name__)

_MOST_CONNECTIONS = 256


def listen(address: str, token: str | None) -> socket.socket:
    """Open the port.

    Args:
        address: HOST:PORT; port 0 takes a free one.
        token: that requests must carry.

    Raises:
        ConfigError: the address is malformed, or open to other machines without a token.
        ReidTrackerError: the port cannot be used.
    """
    host, port = parse_address(address)
    if not token and not is_loopback(host):
        raise ConfigError(
            f"--listen {address}: other machines can reach this address; add --token-file FILE, "
            f"or use 127.0.0.1:{port}"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ReidTrackerError(f"--listen {address}: cannot listen there: {reason}") from None


def make_server(app: FastAPI, limits: RequestLimits = RequestLimits()) -> uvicorn.Server:
    """Return a server for `run(sockets=[...])`, which ends in good order at SIGINT and SIGTERM."""

    class Impatient(_Impatient):
        time_s = limits.time_s

    config = uvicorn.Config(
        app,
        http=Impatient,
        ws="none",
        log_config=None,
        log_level="error",  # a malformed request is no news
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=max(1, round(limits.time_s)),
    )
    return uvicorn.Server(config)


class _Impatient(H11Protocol):
    """Ends connections that neither send the head of a request nor take an answer in time.

    uvicorn itself waits for these without an end.
    """

    time_s = 0.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _watch(self) -> None:
        """Start the clock unless a request is being served, which has limits of its own."""
        served = self.cycle is not None and not self.cycle.response_complete
        if served and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        elif not served and self._deadline is None:
            self._deadline = self.loop.call_later(self.time_s, self.transport.abort)
