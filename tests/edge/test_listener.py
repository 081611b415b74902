"""Receiving identities: in the background, after outages, and each once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from reid_tracker.edge import IdentityListener, KnownIdentities
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport import Broker, IdentityMessage, MemoryBroker, Outgoing, TrackletRef
from reid_tracker.transport.access import listener_name
from tests.transport.samples import identity
from tests.waiting import wait_until

SITE = "hall"


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_RECEIVE_S", "_FIRST_WAIT_S", "_LONGEST_WAIT_S"):
        monkeypatch.setattr(f"reid_tracker.edge.listener.{name}", 0.02)


def known() -> KnownIdentities:
    return KnownIdentities("e1", "b1", keep_s=3600.0)


def named(seq: int, number: int, track: int) -> Outgoing:
    members = (TrackletRef("e1", "b1", "door", track),)
    message: IdentityMessage = identity(
        seq, kind="new", identity=number, previous_ids=(), members=members
    )
    return Outgoing.of(message, SITE)


def who(made: KnownIdentities, *tracks: int) -> list[int]:
    found: list[int] = made.of("door", np.array(tracks, np.int64)).ids.tolist()
    return found


def is_known(made: KnownIdentities, track: int, number: int) -> Callable[[], bool]:
    return lambda: who(made, track) == [number]


def test_identities_sent_during_a_pause_arrive_later() -> None:
    broker, made = MemoryBroker(), known()
    with IdentityListener(SITE, "e1", lambda: _shared(broker), made) as listener:
        wait_until(lambda: not listener.away)
        broker.publish([named(1, 7, 1)])
        wait_until(is_known(made, 1, 7))
    broker.publish([named(2, 8, 2)])
    assert who(made, 2) == [0]
    with IdentityListener(SITE, "e1", lambda: _shared(broker), made):
        wait_until(is_known(made, 2, 8))
    assert made.messages == 2


def test_a_broker_that_is_away_is_tried_again() -> None:
    broker, made = MemoryBroker(), known()
    attempts: list[int] = []

    def connect() -> Broker:
        attempts.append(1)
        if len(attempts) < 3:
            raise TransportUnavailableError("nats://hub does not answer")
        return _shared(broker)

    with IdentityListener(SITE, "e1", connect, made) as listener:
        wait_until(lambda: not listener.away)
        broker.publish([named(1, 7, 1)])
        wait_until(is_known(made, 1, 7))
    assert len(attempts) == 3


def test_an_unexpected_error_is_logged_and_does_not_end_the_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker, made = MemoryBroker(), known()
    attempts: list[int] = []

    def connect() -> Broker:
        attempts.append(1)
        if len(attempts) == 1:
            raise KeyError("a bug")
        return _shared(broker)

    with IdentityListener(SITE, "e1", connect, made) as listener:
        wait_until(lambda: not listener.away)
    assert "receiving identities failed" in caplog.text


def test_names_of_hosts_differ_and_fit_every_broker() -> None:
    places = [("hall", "e1"), ("hall", "e2"), ("yard", "e1"), ("hall/e", "1"), ("ü" * 100, "x")]
    names = {listener_name(site, edge) for site, edge in places}
    assert len(names) == len(places)
    assert max(map(len, names)) <= 60


class _Shared(MemoryBroker):
    """One broker for several connections; closing one does not close the others."""

    def __init__(self, broker: MemoryBroker) -> None:
        self.__dict__ = broker.__dict__

    def close(self) -> None:
        pass


def _shared(broker: MemoryBroker) -> Broker:
    return _Shared(broker)
