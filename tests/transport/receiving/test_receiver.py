"""Receiving: copies, malformed messages, wrong senders, other encoders, and missing messages."""

from __future__ import annotations

import os

import numpy as np
import pytest

from reid_tracker.transport.brokers.base import Delivery, Outgoing
from reid_tracker.transport.brokers.memory import MemoryBroker
from reid_tracker.transport.receiving.dedup import GapCounter
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.messages import TrackletMessage
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import outgoing
from tests.transport.samples import ENCODER, tracklet


class Copies:
    """A subscription that delivers given messages and records their acknowledgements."""

    def __init__(self, *messages: Outgoing) -> None:
        self.given = list(messages)
        self.said: list[str] = []

    def receive(self, timeout_s: float) -> Delivery | None:
        return Said(self, self.given.pop(0)) if self.given else None

    def caught_up(self) -> bool:
        return True

    def pending(self) -> int:
        return len(self.given)

    def close(self) -> None:
        pass


class Said:
    redelivered = False
    stored_s = None

    def __init__(self, owner: Copies, message: Outgoing) -> None:
        self.subject, self.data = message.subject, message.data
        self._owner, self._name = owner, message.message_id.rpartition("/")[2]

    def ack(self) -> None:
        self._owner.said.append(f"ack {self._name}")

    def nak(self) -> None:
        self._owner.said.append(f"nak {self._name}")


def number(receiver: Receiver) -> int | None:
    got = receiver.receive(0)
    if got is None:
        return None
    assert isinstance(got.message, TrackletMessage)
    got.ack()
    return got.message.edge_seq


def test_a_copy_after_it_was_stored() -> None:
    one = outgoing(tracklet(1))
    source = Copies(one, one, outgoing(tracklet(2)))
    receiver = Receiver(source)
    # With no time left a copy ends the wait, since it may be one of many.
    assert [number(receiver) for _ in range(3)] == [1, None, 2]
    assert source.said == ["ack 1", "ack 1", "ack 2"]
    assert receiver.counts.duplicates == 1


@pytest.mark.parametrize("stored", [True, False])
def test_a_copy_while_it_is_being_stored(stored: bool) -> None:
    """It is neither returned nor acknowledged before the first one is settled."""
    one = outgoing(tracklet(1))
    source = Copies(one, one, one)
    receiver = Receiver(source)
    got = receiver.receive(0)
    assert got is not None
    assert receiver.receive(0) is None
    assert receiver.receive(0) is None
    assert source.said == []
    if stored:
        got.ack()
        assert source.said == ["ack 1"] * 3
        source.given.append(one)
        assert receiver.receive(0) is None
    else:
        got.nak()
        assert source.said == ["nak 1"] * 3
        source.given.append(one)
        assert number(receiver) == 1
    got.ack()  # once more changes nothing
    assert receiver.counts.received == (1 if stored else 2)


def test_refused_messages_are_acknowledged_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    good, now_s = outgoing(tracklet(1)), [0.0]
    bad = [
        good._replace(data=b"noise"),
        good._replace(data=os.urandom(2**20)),
        good._replace(data=outgoing(tracklet(1, edge="e2")).data),
        good._replace(data=outgoing(tracklet(1, camera="yard")).data),
        good._replace(subject="reid.v1.hall.e1.door.status"),
        good._replace(subject="reid.v2.hall.e1.door.tracklet"),
        outgoing(tracklet(1, prototypes=tracklet().prototypes.of("cd" * 32, np.eye(32)[:1], [1]))),
        outgoing(tracklet(1, prototypes=tracklet().prototypes.of(ENCODER, np.eye(16)[:1], [1]))),
    ]
    source = Copies(*bad, good)
    receiver = Receiver(source, encoder=(ENCODER, 32), clock=lambda: now_s[0])
    assert [number(receiver) for _ in range(9)] == [None] * 8 + [1]
    assert source.said == ["ack 1"] * 9
    assert (receiver.counts.refused, receiver.counts.received) == (8, 1)
    assert receiver.counts.refused_by == {"content": 2, "sender": 3, "subject": 1, "encoder": 2}
    assert len(caplog.records) == 4  # one line for each reason, however many messages come
    now_s[0] += 3601
    source.given.append(bad[-2])
    assert number(receiver) is None
    assert "3 so far" in caplog.text
    assert "give the host and the centre the same --encoder" in caplog.text


def test_each_host_with_another_encoder_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    hosts = [f"e{number}" for number in range(3)]
    source = Copies(*(outgoing(tracklet(n, edge=host)) for n in range(5) for host in hosts))
    receiver = Receiver(source, encoder=("cd" * 32, 32))
    assert [number(receiver) for _ in range(15)] == [None] * 15
    assert receiver.counts.refused_by == {"encoder": 15}
    said = [record.getMessage() for record in caplog.records]
    assert [f"host {host!r} sends" in line for host, line in zip(hosts, said, strict=True)] == [
        True
    ] * 3


def test_missing_messages(caplog: pytest.LogCaptureFixture) -> None:
    broker = MemoryBroker()
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"), gaps=True)
    sent = [5, 6, 9, 7, 10]
    broker.publish([outgoing(tracklet(n)) for n in sent])
    broker.publish([outgoing(tracklet(n, boot="b2")) for n in (0, 1)])
    assert [number(receiver) for _ in range(7)] == [*sent, 0, 1]
    assert receiver.counts.missing == 1
    assert "2 messages of e1 are missing before number 9" in caplog.text


def test_messages_of_an_earlier_receiver_are_not_missing() -> None:
    """It acknowledged only some; the others are redelivered before or after new ones."""
    gaps = GapCounter()
    assert [gaps.add("e1", "b", one, again=True) for one in (10, 13)] == [0, 0]
    assert gaps.add("e1", "b", 21) == 0
    assert gaps.add("e1", "b", 24) == 2
    assert [gaps.add("e1", "b", one, again=True) for one in (15, 17)] == [0, 0]
    assert gaps.missing == 2
    assert gaps.add("e1", "b", 22, again=True) == 0
    assert (gaps.missing, gaps.by_source) == (1, {"e1": 1})


def test_a_receiver_after_one_that_was_killed() -> None:
    broker = MemoryBroker()
    first = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"), gaps=True)
    broker.publish([outgoing(tracklet(n)) for n in range(6)])
    held = [first.receive(0) for _ in range(5)]
    for at in (0, 2, 3):
        got = held[at]
        assert got is not None
        got.ack()
    first.close()
    second = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"), gaps=True)
    broker.publish([outgoing(tracklet(7))])
    assert [number(second) for _ in range(4)] == [1, 4, 5, 7]
    assert second.counts.missing == 1
