"""Fixtures of the broker tests: each kind of broker with a real server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport.brokers.base import Broker, Outgoing
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Received, Receiver
from reid_tracker.transport.wire.codec import encode_message
from reid_tracker.transport.wire.messages import Message
from reid_tracker.transport.wire.subjects import subject_of
from tests.transport.servers import PASSWORD, START, USER, Server

SITE = "hall"


class World:
    """A broker and connections to it.

    Attributes:
        kind: "memory", "nats" or "mqtt".
        server: its process; None in memory.
        config: how to connect.
    """

    def __init__(self, kind: str, server: Server | None, config: TransportConfig) -> None:
        self.kind, self.config = kind, config
        self._server = server
        self._memory = MemoryBroker(config)
        self._opened: list[Broker] = []

    @property
    def server(self) -> Server:
        if self._server is None:
            pytest.skip("there is no server")
        return self._server

    def open(self) -> Broker:
        """Return a new connection; in memory, always the same broker."""
        if self._server is None:
            return self._memory
        self._opened.append(open_broker(self.config))
        return self._opened[-1]

    def close(self) -> None:
        for broker in self._opened:
            broker.close()


def outgoing(message: Message, site: str = SITE) -> Outgoing:
    return Outgoing(message.message_id, str(subject_of(message, site)), encode_message(message))


def published(broker: Broker, messages: list[Outgoing]) -> bool:
    """Publish; returns whether the broker is there."""
    try:
        broker.publish(messages)
    except TransportUnavailableError:
        return False
    return True


def receive(receiver: Receiver, timeout_s: float) -> Received | None:
    """Receive a message; None after the time, and while the broker is away."""
    try:
        return receiver.receive(timeout_s)
    except TransportUnavailableError:
        time.sleep(0.05)  # callers ask again and again, and a broker that is away refuses at once
        return None


def config_for(kind: str, server: Server | None, folder: Path) -> TransportConfig:
    """Return how to connect to a server that wants the tests' password."""
    if server is None:
        return TransportConfig()
    secret = folder / "secret"
    secret.write_text(f"{USER}:{PASSWORD}\n")
    return TransportConfig(
        address=f"{kind}://127.0.0.1:{server.port}",
        credentials=str(secret),
        timeout_s=2.0,
        ack_wait_s=2.0,
        stream_bytes=64 * 2**20,
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers and ends them."""
    servers: list[Server] = []

    def start_one(kind: str, name: str = "server", **words: object) -> Server:
        servers.append(START[kind](tmp_path / name, **words))  # type: ignore[arg-type]
        return servers[-1]

    yield start_one
    for server in servers:
        server.kill()  # also a frozen one


@pytest.fixture(params=["memory", "nats", "mqtt"])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, start: Callable[..., Server]
) -> Iterator[World]:
    kind: str = request.param
    server = None if kind == "memory" else start(kind)
    made = World(kind, server, config_for(kind, server, tmp_path))
    yield made
    made.close()
