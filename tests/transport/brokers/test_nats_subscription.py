"""Receiving from NATS without a server: prefetching, acknowledging, and returning messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.event_loop import LoopThread
from reid_tracker.transport.brokers.nats_subscription import NatsSubscription


class Message:
    """A message of the library that records its acknowledgements."""

    def __init__(self, number: int, left: int) -> None:
        self.subject, self.data = "reid.v1", str(number).encode()
        self.metadata = SimpleNamespace(
            num_delivered=1 + number % 2,
            num_pending=left,
            timestamp=datetime.fromtimestamp(1000 + number, UTC),
        )
        self.settled: list[str] = []

    async def ack(self) -> None:
        self.settled.append("ack")

    async def nak(self, delay: float | None = None) -> None:
        self.settled.append("nak")


class Pull:
    """A subscription of the library that holds some messages."""

    def __init__(self, count: int) -> None:
        self.messages = [Message(number, count - 1 - number) for number in range(count)]
        self.left = list(self.messages)
        self.error: Exception | None = None

    async def fetch(self, count: int, timeout: float) -> list[Message]:
        if self.error is not None:
            raise self.error
        if not self.left:
            raise TimeoutError
        some, self.left = self.left[:count], self.left[count:]
        return some

    async def consumer_info(self) -> SimpleNamespace:
        return SimpleNamespace(num_pending=len(self.left), num_ack_pending=3)

    async def unsubscribe(self) -> None:
        self.left = []


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    made = LoopThread("test")
    yield made
    made.close()


def subscription(loop: LoopThread, pull: Pull, most: int = 4, **changes: Any) -> NatsSubscription:
    settings: dict[str, Any] = {
        "run": lambda work: loop.run(work, 30),
        "translate": lambda error: TransportError(str(error)),
        "check": lambda: None,
        "renew": lambda: pull,
    }
    return NatsSubscription(pull, loop, most=most, **(settings | changes))


def test_all_messages_come_in_order_over_several_fetches(loop: LoopThread) -> None:
    pull = Pull(10)
    made = subscription(loop, pull)
    found = []
    for number in range(10):
        got = made.receive(30)
        assert got is not None
        found.append(got.data)
        assert got.redelivered == bool(number % 2)
        assert got.stored_s == 1000 + number
        assert made.caught_up() == (number == 9)
        got.ack()
    assert found == [str(number).encode() for number in range(10)]
    assert made.receive(0) is None
    made.close()
    assert [one.settled for one in pull.messages] == [["ack"]] * 10


def test_closing_returns_prefetched_messages(loop: LoopThread) -> None:
    pull = Pull(6)
    made = subscription(loop, pull)
    got = made.receive(30)
    assert got is not None
    got.nak()
    assert made.pending() >= 3
    made.close()
    loop.run(pull.unsubscribe(), 30)  # after all coroutines that were started before
    assert [one.settled for one in pull.messages] == [["nak"]] * 6


def test_errors_are_translated_and_silence_is_checked(loop: LoopThread) -> None:
    pull = Pull(0)

    def away() -> None:
        raise TransportUnavailableError("the server is away")

    silent = subscription(loop, pull, check=away)
    with pytest.raises(TransportUnavailableError, match="is away"):
        silent.receive(0)
    pull.error = RuntimeError("consumer deleted")
    with pytest.raises(TransportError, match="consumer deleted"):
        subscription(loop, pull).receive(0)
