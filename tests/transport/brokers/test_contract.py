"""The contract of all brokers, tested with real servers."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time

import pytest

from reid_tracker.errors import (
    MessageError,
    TransportError,
    TransportUnavailableError,
)
from reid_tracker.transport.brokers.base import Broker, Outgoing
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.codec import MAX_MESSAGE_BYTES
from reid_tracker.transport.wire.messages import Message, TrackletMessage
from reid_tracker.transport.wire.subjects import Subject, pattern_of
from tests.conftest import ROOT
from tests.transport.conftest import SITE, World, outgoing, published, receive
from tests.transport.samples import identity, status, tracklet
from tests.transport.servers import until_saved
from tests.waiting import wait_until

WAIT_S = 30.0
"""Longest wait for what must come; a wait for what must not come is short and can miss a failure,
never make one."""


def receiver_of(broker: Broker, durable: str = "centre", *, gaps: bool = False) -> Receiver:
    return Receiver(broker.subscribe(pattern_of("tracklet"), durable), gaps=gaps)


def take(receiver: Receiver, count: int, *, ack: bool = True) -> list[TrackletMessage]:
    """Receive and acknowledge `count` messages, also across an outage."""
    messages: list[TrackletMessage] = []
    deadline = time.monotonic() + WAIT_S
    while len(messages) < count:
        assert time.monotonic() < deadline, f"{len(messages)} of {count} came"
        if (got := receive(receiver, 1)) is not None:
            assert isinstance(got.message, TrackletMessage)
            messages.append(got.message)
            if ack:
                got.ack()
    return messages


def numbers(messages: list[TrackletMessage]) -> list[int]:
    return [message.edge_seq for message in messages]


def publish_at_last(broker: Broker, messages: list[Outgoing]) -> None:
    """Publish like a sender: repeatedly, until it is acknowledged."""
    wait_until(lambda: published(broker, messages))


def take_until_it_fails(receiver: Receiver, error: type[TransportError]) -> list[TrackletMessage]:
    """Receive and acknowledge prefetched messages, until the broker is missed."""
    messages: list[TrackletMessage] = []
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            got = receiver.receive(0.2)
        except error:
            return messages
        if got is not None:
            assert isinstance(got.message, TrackletMessage)
            messages.append(got.message)
            got.ack()
    raise AssertionError("the broker was not missed")


def settled(receiver: Receiver, but: int = 0) -> None:
    """Wait until all messages but some are settled; acknowledgements are not waited for.

    The others must have arrived, too: a connection that ends around them may lose acknowledgements.
    """
    wait_until(lambda: receiver.pending() == but)


def test_delivery_in_order(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker, gaps=True)
    sent = [tracklet(n, camera=f"camera {n % 3}") for n in range(150)]
    broker.publish([outgoing(message) for message in sent[:100]])
    for message in sent[100:]:
        broker.publish([outgoing(message)])
    assert take(receiver, 150) == sent
    assert receiver.receive(0.2) is None
    settled(receiver)
    assert (receiver.counts.received, receiver.counts.missing) == (150, 0)
    assert "@" not in broker.place


def test_a_receiver_gets_only_its_pattern(world: World) -> None:
    broker = world.open()
    tracklets = receiver_of(broker)
    yard = Receiver(broker.subscribe(pattern_of("tracklet", SITE, camera="the yard"), "yard"))
    states = Receiver(broker.subscribe(pattern_of("status"), "states"))
    identities = Receiver(broker.subscribe(pattern_of("identity", SITE), "edge-1"))
    others = Receiver(broker.subscribe(pattern_of("identity", "elsewhere"), "edge-2"))
    sent: list[Message] = [tracklet(0), tracklet(1, camera="the yard"), status(2), identity(0)]
    broker.publish([outgoing(message) for message in sent])
    assert numbers(take(tracklets, 2)) == [0, 1]
    assert numbers(take(yard, 1)) == [1]
    for receiver, wanted in ((states, sent[2]), (identities, sent[3])):
        got = receiver.receive(WAIT_S)
        assert got is not None
        assert got.message == wanted
        assert got.subject.site == SITE
        got.ack()
    assert others.receive(0.2) is None
    assert yard.receive(0) is None


@pytest.mark.parametrize(
    "camera", ["a.b", "*", ">", "#", "+/x", "$SYS", "tür 1\n\r", " ", "=2E", "人"]
)
def test_any_camera_name(world: World, camera: str) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    broker.publish([outgoing(tracklet(7, camera=camera), site=camera)])
    got = receiver.receive(WAIT_S)
    assert got is not None
    assert isinstance(got.message, TrackletMessage)
    assert got.message.camera == camera
    assert got.subject == Subject("tracklet", camera, "e1", camera)


def test_messages_wait_while_there_is_no_receiver(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    receiver.close()
    broker.publish([outgoing(tracklet(n)) for n in range(30)])
    again = receiver_of(world.open())
    assert numbers(take(again, 30)) == list(range(30))
    settled(again)


@pytest.mark.slow
def test_unacknowledged_messages_go_to_the_next_receiver(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    broker.publish([outgoing(tracklet(n)) for n in range(10)])
    take(receiver, 4)
    take(receiver, 3, ack=False)
    settled(receiver, but=6)
    receiver.close()
    again = receiver_of(world.open())
    assert sorted(numbers(take(again, 6))) == [4, 5, 6, 7, 8, 9]
    assert again.receive(0.2) is None


def test_a_receiver_reports_that_it_has_caught_up(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    for first in (0, 10):  # also where more came since
        broker.publish([outgoing(tracklet(n)) for n in range(first, first + 10)])
        take(receiver, 10)
        assert receiver.caught_up()


@pytest.mark.slow
def test_a_receiver_that_is_killed(world: World) -> None:
    server, credentials = world.server, world.config.credentials
    assert credentials is not None
    broker = world.open()
    receiver_of(broker, "killed").close()
    broker.publish([outgoing(tracklet(n)) for n in range(12)])
    words = [f"{world.kind}://127.0.0.1:{server.port}", credentials, "killed", "5", "9"]
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.transport.receiving.receive_worker", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == "received\n"
    worker.kill()
    worker.wait()
    subscription = world.open().subscribe(pattern_of("tracklet"), "killed")
    receiver = Receiver(subscription)
    assert sorted(numbers(take(receiver, 7))) == [5, 6, 7, 8, 9, 10, 11]
    assert receiver.receive(0.2) is None


@pytest.mark.slow
def test_messages_reported_as_not_stored_come_again(world: World) -> None:
    broker = world.open()
    subscription = broker.subscribe(pattern_of("tracklet"), "centre")
    broker.publish([outgoing(tracklet(3))])
    first = subscription.receive(WAIT_S)
    assert first is not None
    assert not first.redelivered
    first.nak()
    second = subscription.receive(WAIT_S)
    assert second is not None
    assert second.redelivered
    assert second.data == first.data
    second.ack()
    assert subscription.receive(0.8) is None


def test_copies_are_dropped(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    batch = [outgoing(tracklet(n)) for n in range(20)]
    broker.publish(batch)
    broker.publish(batch)
    world.open().publish(batch)
    assert numbers(take(receiver, 20)) == list(range(20))
    broker.publish(batch)
    broker.publish([outgoing(tracklet(20))])
    assert numbers(take(receiver, 1)) == [20]
    assert receiver.receive(0.2) is None
    settled(receiver)
    # NATS and the queue in memory drop them themselves.
    assert receiver.counts.duplicates == (60 if world.kind == "mqtt" else 0)


def test_two_receivers_of_all_messages(world: World) -> None:
    broker = world.open()
    one, other = receiver_of(broker, "one"), receiver_of(broker, "other")
    broker.publish([outgoing(tracklet(n)) for n in range(5)])
    assert numbers(take(one, 5)) == numbers(take(other, 5)) == list(range(5))


def test_many_publishers(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)

    def publish(edge: int) -> None:
        for n in range(20):
            broker.publish([outgoing(tracklet(n, edge=f"e{edge}"))])

    threads = [threading.Thread(target=publish, args=(edge,)) for edge in range(4)]
    for thread in threads:
        thread.start()
    messages = take(receiver, 80)
    for thread in threads:
        thread.join()
    for edge in range(4):
        own = [message for message in messages if message.edge == f"e{edge}"]
        assert numbers(own) == list(range(20))


def test_messages_that_every_broker_refuses(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    good = outgoing(tracklet(0))
    large = good._replace(data=bytes(MAX_MESSAGE_BYTES + 1))
    elsewhere = good._replace(subject="reid.v1.*.e1.door.tracklet")
    for bad in (large, elsewhere, good._replace(message_id="a\r\nX: y")):
        with pytest.raises(MessageError):
            broker.publish([good, bad])
    assert receiver.receive(0.2) is None
    with pytest.raises(MessageError, match="durable name"):
        broker.subscribe(pattern_of("tracklet"), "a.b")


def test_the_largest_message_passes(world: World) -> None:
    broker = world.open()
    subscription = broker.subscribe(pattern_of("tracklet"), "centre")
    broker.publish([outgoing(tracklet(0))._replace(data=b"x" * MAX_MESSAGE_BYTES)])
    got = subscription.receive(WAIT_S)
    assert got is not None
    assert len(got.data) == MAX_MESSAGE_BYTES


@pytest.mark.long
def test_killed_and_returned(world: World) -> None:
    broker, server = world.open(), world.server
    receiver = receiver_of(world.open(), gaps=True)
    broker.publish([outgoing(tracklet(n)) for n in range(40)])
    first = take(receiver, 15)
    if world.kind == "mqtt":
        until_saved(server, '"edge_seq":39,')  # it acknowledges before it writes
    server.kill()
    start = time.monotonic()
    with pytest.raises(TransportUnavailableError, match=r"127\.0\.0\.1"):
        broker.publish([outgoing(tracklet(40))])
    first += take_until_it_fails(receiver, TransportUnavailableError)
    assert time.monotonic() - start < 10
    server.start()
    publish_at_last(broker, [outgoing(tracklet(n)) for n in range(40, 50)])
    rest = take(receiver, 50 - len(first))
    assert numbers(first) + sorted(numbers(rest)) == list(range(50))
    assert receiver.receive(0.2) is None
    assert receiver.counts.missing == 0


@pytest.mark.long
def test_frozen_and_thawed(world: World) -> None:
    broker, server = world.open(), world.server
    receiver = receiver_of(world.open())
    broker.publish([outgoing(tracklet(n)) for n in range(5)])
    take(receiver, 5)
    server.freeze()
    start = time.monotonic()
    batch = [outgoing(tracklet(n)) for n in range(5, 10)]
    with pytest.raises(TransportUnavailableError):
        broker.publish(batch)
    assert time.monotonic() - start < world.config.timeout_s + 3
    start = time.monotonic()
    with contextlib.suppress(TransportUnavailableError):
        assert receiver.receive(0.5) is None
    assert time.monotonic() - start < 5
    start = time.monotonic()
    with pytest.raises(TransportUnavailableError):
        world.open()
    assert time.monotonic() - start < 3 * world.config.timeout_s
    server.thaw()
    publish_at_last(broker, batch)
    assert sorted(numbers(take(receiver, 5))) == list(range(5, 10))
    assert receiver.receive(0.3) is None


@pytest.mark.slow
def test_closing_a_frozen_broker_takes_no_time(world: World) -> None:
    broker, server = world.open(), world.server
    receiver = receiver_of(broker)
    server.freeze()
    start = time.monotonic()
    receiver.close()
    broker.close()
    assert time.monotonic() - start < 8


def test_no_server(world: World) -> None:
    world.server.kill()
    start = time.monotonic()
    with pytest.raises(TransportUnavailableError) as caught:
        world.open()
    assert time.monotonic() - start < 5
    assert "is it running?" in str(caught.value)


def test_a_closed_broker(world: World) -> None:
    broker = world.open()
    receiver = receiver_of(broker)
    broker.close()
    broker.close()
    with pytest.raises(TransportError):
        broker.publish([outgoing(tracklet(0))])
    assert not take_until_it_fails(receiver, TransportError)
