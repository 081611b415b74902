"""Tests of the broker in memory only; the others are in test_contract.py."""

from __future__ import annotations

import pytest

from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import outgoing
from tests.transport.samples import tracklet

TRACKLETS = pattern_of("tracklet")


def test_messages_before_the_first_subscription_are_not_kept() -> None:
    broker = MemoryBroker()
    broker.publish([outgoing(tracklet(0))])
    subscription = broker.subscribe(TRACKLETS, "centre")
    broker.publish([outgoing(tracklet(1))])
    got = subscription.receive(0)
    assert got is not None
    assert got.data == outgoing(tracklet(1)).data
    assert subscription.receive(0) is None


def test_a_full_queue_refuses_and_has_space_again() -> None:
    batch = [outgoing(tracklet(number)) for number in range(3)]
    broker = MemoryBroker(capacity_bytes=2 * len(batch[0].data) + 10)
    subscription = broker.subscribe(TRACKLETS, "centre")
    with pytest.raises(TransportUnavailableError, match="of messages wait in memory"):
        broker.publish(batch)
    assert subscription.pending() == 2
    got = subscription.receive(0)
    assert got is not None
    got.ack()
    broker.publish(batch)  # the first two are known
    assert subscription.pending() == 2


def test_a_name_has_one_pattern_and_one_receiver() -> None:
    broker = MemoryBroker()
    first = broker.subscribe(TRACKLETS, "centre")
    with pytest.raises(TransportError, match="another name"):
        broker.subscribe(pattern_of("status"), "centre")
    broker.subscribe(TRACKLETS, "centre")
    with pytest.raises(TransportError, match="another took its name"):
        first.receive(0)


def test_settling_twice_changes_nothing() -> None:
    broker = MemoryBroker()
    subscription = broker.subscribe(TRACKLETS, "centre")
    broker.publish([outgoing(tracklet(0))])
    got = subscription.receive(0)
    assert got is not None
    got.nak()
    got.nak()
    got.ack()
    assert subscription.pending() == 1
    again = subscription.receive(0)
    assert again is not None
    assert again.redelivered
