"""What only MQTT has: messages that the library keeps, and a connection that ends in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport.broker import Outgoing
from reid_tracker.transport.mqtt_broker import MqttBroker
from reid_tracker.transport.receiver import Receiver
from reid_tracker.transport.subjects import pattern_of
from tests.transport.conftest import config_for, outgoing
from tests.transport.samples import tracklet
from tests.transport.servers import Server


def test_a_connection_that_ends_just_before(
    start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library keeps the message and sends it later: then it counts as acknowledged."""
    server = start("mqtt")
    broker = MqttBroker(config_for("mqtt", server, tmp_path))
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    broker.publish([outgoing(tracklet(9))])
    while not take(receiver):
        pass
    time.sleep(1.5)  # Mosquitto writes sessions down after it has answered
    server.kill()
    deadline = time.monotonic() + 20
    while broker._session.client.is_connected():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    batch = [outgoing(tracklet(n)) for n in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(broker._session, "refuse_if_away", lambda: None)
        with pytest.raises(TransportUnavailableError, match="does not acknowledge in time"):
            broker.publish(batch)
    server.start()
    while not sent(broker, batch):
        assert time.monotonic() < deadline + 20
        time.sleep(0.1)
    found: list[str] = []
    while len(found) < 3:
        assert time.monotonic() < deadline + 40
        found += take(receiver)
    assert sorted(found) == [one.message_id for one in batch]
    assert not broker._outstanding
    assert not broker._acknowledged
    broker.close()


def sent(broker: MqttBroker, batch: list[Outgoing]) -> bool:
    try:
        broker.publish(batch)
    except TransportUnavailableError:
        return False
    return True


def take(receiver: Receiver) -> list[str]:
    try:
        got = receiver.receive(0.5)
    except TransportUnavailableError:
        return []
    if got is None:
        return []
    got.ack()
    return [got.message.message_id]
