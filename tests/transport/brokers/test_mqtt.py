"""MQTT only: messages that the library keeps, and connections lost in between."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.brokers.mqtt import MqttBroker, Recent
from reid_tracker.transport.brokers.open import open_broker, parse_address
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.messages import EdgeMessage
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import SITE, config_for, outgoing, published
from tests.transport.samples import host, tracklet
from tests.transport.servers import Server, until_saved
from tests.waiting import wait_until


def open_mqtt(config: TransportConfig) -> MqttBroker:
    return MqttBroker(config, parse_address(config))


@pytest.mark.slow
def test_a_connection_that_ends_just_before(
    start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library keeps the message and sends it later; then it counts as acknowledged."""
    server = start("mqtt")
    broker = open_mqtt(config_for("mqtt", server, tmp_path))
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    broker.publish([outgoing(tracklet(9))])
    while not take(receiver):
        pass
    until_saved(server, pattern_of("tracklet"))
    server.kill()
    wait_until(lambda: not broker._session.client.is_connected())
    batch = [outgoing(tracklet(n)) for n in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(broker._session, "refuse_if_away", lambda: None)
        with pytest.raises(
            TransportUnavailableError, match="did not acknowledge a message in time"
        ):
            broker.publish(batch)
    server.start()
    wait_until(lambda: published(broker, batch))
    assert sorted(take_all(receiver, 3)) == [one.message_id for one in batch]
    assert not broker._outstanding
    assert not broker._acknowledged
    broker.close()


@pytest.mark.slow
def test_messages_acknowledged_just_before_a_kill(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    """Mosquitto has not stored the latest messages; they are published again with the next ones."""
    server = start("mqtt")
    broker = open_mqtt(config_for("mqtt", server, tmp_path))
    broker.subscribe(pattern_of("tracklet"), "centre").close()
    until_saved(server, pattern_of("tracklet"))
    for turn in range(5):
        if turn:
            server.kill()
            server.start()
        batch = [outgoing(tracklet(n)) for n in range(20 * turn, 20 * turn + 20)]
        wait_until(functools.partial(published, broker, batch))
    assert not broker._to_republish
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"), gaps=True)
    found = take_all(receiver, 100)
    assert sorted(found) == sorted({outgoing(tracklet(n)).message_id for n in range(100)})
    assert receiver.counts.missing == 0
    broker.close()


@pytest.mark.slow
def test_a_kill_that_is_noticed_only_while_the_next_are_published(
    start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start("mqtt")
    config = dataclasses.replace(config_for("mqtt", server, tmp_path), timeout_s=20.0)
    broker = open_mqtt(config)
    broker.subscribe(pattern_of("tracklet"), "centre").close()
    until_saved(server, pattern_of("tracklet"))
    saved = (server.folder / "mosquitto.db").read_bytes()
    first, second = ([outgoing(tracklet(n)) for n in numbers] for numbers in ((0, 1, 2), (3, 4)))
    broker.publish(first)
    send = broker._send

    def kill_before(message: Outgoing) -> None:
        monkeypatch.setattr(broker, "_send", send)
        server.kill()
        (server.folder / "mosquitto.db").write_bytes(saved)
        server.start()
        send(message)

    monkeypatch.setattr(broker, "_send", kill_before)
    wait_until(lambda: published(broker, second))
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    assert sorted(take_all(receiver, 5)) == [one.message_id for one in first + second]
    broker.close()


def test_only_the_latest_messages_are_kept_for_republishing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    recent = Recent()
    for n in range(5):
        now_s = float(n)
        recent.add(outgoing(tracklet(n)))
    names = [outgoing(tracklet(n)).message_id for n in range(1000)]
    assert list(recent.take()) == names[2:5]
    assert recent.take() == {}
    for n in range(1000):
        recent.add(outgoing(tracklet(n)))
    assert list(recent.take()) == names[-512:]


def take_all(receiver: Receiver, count: int) -> list[str]:
    found: list[str] = []

    def all_there() -> bool:
        found.extend(take(receiver))
        return len(found) >= count

    wait_until(all_there, f"for {count} messages", step_s=0.0)
    return found


def take(receiver: Receiver) -> list[str]:
    try:
        got = receiver.receive(0.5)
    except TransportUnavailableError:
        return []
    if got is None:
        return []
    got.ack()
    return [got.message.message_id]


@pytest.mark.slow
def test_each_lost_client_is_reported_but_not_a_closed_one(
    tmp_path: Path, start: Callable[..., Server]
) -> None:
    server = start("mqtt")
    config = config_for("mqtt", server, tmp_path)
    numbers = itertools.count()
    centre = open_broker(config)
    receiver = Receiver(centre.subscribe(pattern_of("status", SITE), "centre"), gaps=True)

    def connect() -> MqttBroker:
        will = lambda: outgoing(host(next(numbers), state="lost"))  # noqa: E731
        return MqttBroker(config, parse_address(config), will)

    def told(within_s: float) -> list[str]:
        end_s = time.monotonic() + within_s
        while (got := receiver.receive(0.5)) is None:
            if time.monotonic() > end_s:
                return []
        got.ack()
        assert isinstance(got.message, EdgeMessage)
        return [got.message.state]

    closed = connect()
    closed.close()
    lost = connect()
    for _ in range(2):
        client = lost._session.client
        before = lost._session.generation
        connection = client.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)  # it reconnects automatically
        assert told(30) == ["lost"]
        wait_until(functools.partial(connected_again, lost, before))
    lost.close()
    assert told(5) == []
    assert (receiver.counts.duplicates, receiver.counts.missing) == (0, 0)
    centre.close()


def connected_again(broker: MqttBroker, generation: int) -> bool:
    session = broker._session
    return session.client.is_connected() and session.generation > generation


@pytest.mark.slow
def test_late_acknowledgements_of_abandoned_messages_are_forgotten(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    server = start("mqtt")
    broker = open_mqtt(config_for("mqtt", server, tmp_path))
    server.freeze()
    with pytest.raises(TransportUnavailableError):
        broker.publish([outgoing(tracklet(0))])  # and the disk of its sender is full
    server.thaw()
    numbers = itertools.count(1)

    def forgotten() -> bool:
        published(broker, [outgoing(tracklet(next(numbers)))])
        return not broker._outstanding

    wait_until(forgotten)
    assert not broker._acknowledged
    broker.close()
