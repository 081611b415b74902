"""Publishing: outages, refusals, and messages that no broker accepts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reid_tracker.errors import MessageError, TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.base import Broker, Outgoing
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.sending.publisher import Publisher


class Gate(MemoryBroker):
    """A broker that raises given errors."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.taken: list[str] = []
        self.opened = 0
        self.closed = 0

    def open(self) -> Broker:
        self.opened += 1
        return self

    def publish(self, messages: Sequence[Outgoing]) -> None:
        if self.error is not None:
            raise self.error
        if any(one.subject == "bad" for one in messages):
            raise MessageError("subject 'bad'")
        self.taken += [one.message_id for one in messages]

    def close(self) -> None:
        self.closed += 1


def batch(*subjects: str) -> list[Outgoing]:
    return [Outgoing(f"{n}", subject, b"") for n, subject in enumerate(subjects)]


def test_an_outage_makes_batches_smaller_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()
    publisher = Publisher(gate.open)
    gate.error = TransportUnavailableError("gate does not answer")
    for _ in range(8):
        assert not publisher.publish(batch("good"), 1)
    assert (publisher.at_once, publisher.away) == (1, "gate does not answer")
    assert (gate.opened, gate.closed) == (1, 0)  # the broker reconnects by itself
    gate.error = None
    for _ in range(8):
        assert publisher.publish(batch("good"), 5)
    assert (publisher.at_once, publisher.away, publisher.sent) == (64, "", 8)
    texts = [record.getMessage() for record in caplog.records]
    assert len(texts) == 2
    assert "the broker is back; 5 messages wait" in texts[1]


def test_after_a_refusal_the_broker_is_opened_again(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    publisher = Publisher(gate.open)
    for reason in ("no such user", "no such user", "the stream is gone"):
        gate.error = TransportError(reason)
        assert not publisher.publish(batch("good"), 1)
    assert (gate.opened, gate.closed) == (3, 3)
    assert len(caplog.records) == 2
    gate.error = None
    assert publisher.publish(batch("good"), 1)
    publisher.close()
    assert (gate.opened, gate.closed) == (4, 4)


def test_a_broker_that_cannot_be_opened_is_away() -> None:
    def refuse() -> Broker:
        raise TransportUnavailableError("nobody answers")

    publisher = Publisher(refuse)
    assert not publisher.publish(batch("good"), 1)
    assert publisher.away == "nobody answers"
    publisher.close()


def test_only_the_message_that_no_broker_accepts_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()
    publisher = Publisher(gate.open)
    assert publisher.publish(batch("good", "bad", "good"), 3)
    assert gate.taken == ["0", "2"]
    assert (publisher.sent, publisher.refused) == (2, 1)
    assert "no broker accepts" in caplog.text
