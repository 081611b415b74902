"""A whole site: restarts, crashes, real brokers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from reid_tracker.errors import (
    TransportUnavailableError,
)
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import (
    IdentityMessage,
    MemoryBroker,
    Receiver,
    open_broker,
    pattern_of,
)
from reid_tracker.zoo import load_manifest
from tests.central.world import (
    SITE,
    groups,
    identities,
    open_site,
    outgoing,
    replayed,
    same,
    turn_until_done,
    walks,
)
from tests.transport.conftest import config_for
from tests.transport.servers import START, Server, nats_server
from tests.waiting import PATIENCE_S, wait_until


@pytest.mark.parametrize("cut", [7, 30, 55])
def test_a_restart_changes_nothing(cut: int, store: GalleryStore) -> None:
    messages, truth = walks(12)
    broker = MemoryBroker()
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[:cut]])
    for _ in range(4):
        centre.turn(0.05)
    centre.finish()
    before = identities(store)
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[cut:]])
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found
    assert {key: found[key] for key, number in before.items() if number} == {
        key: number for key, number in before.items() if number
    }


def test_a_crash_changes_nothing(store: GalleryStore) -> None:
    """As after kill -9: nothing is finished, and unacknowledged messages are redelivered."""
    messages, truth = walks(12)
    broker = MemoryBroker()
    rng = np.random.default_rng(0)
    centre = open_site(broker, store)
    left = list(messages)
    while left:
        some, left = left[:9], left[9:]
        broker.publish([outgoing(one) for one in some])
        for _ in range(rng.integers(1, 4)):
            centre.turn(0.02)
        centre = open_site(broker, store)
    turn_until_done(centre)
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found


def test_hosts_with_different_files_of_one_encoder_share_a_site(store: GalleryStore) -> None:
    """One has the .onnx file and an earlier version, the other the .pth file."""
    onnx = load_manifest().get("osnet_x0_5_market_cuhk03_onnx").sha256 or ""
    encoders = {"e1": onnx, "e2": "osnet_x0_5_market_cuhk03"}
    messages, truth = walks(6)
    broker = MemoryBroker()
    centre = open_site(broker, store, model="osnet_x0_5_market_cuhk03")
    for one in messages:
        sent = replace(one.prototypes, encoder=encoders[one.edge])
        broker.publish([outgoing(replace(one, prototypes=sent))])
    turn_until_done(centre)
    assert groups(identities(store)) == same(truth)
    assert centre.intake.receiver.counts.refused == 0
    assert store.info().model == "osnet_x0_5_market_cuhk03"
    # A centre with the old name of the encoder uses the records with the new name.
    centre = open_site(broker, store, model=onnx)
    centre.turn(0.05)
    assert centre.recording.matcher is not None
    assert centre.recording.matcher.identities == 6


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nats", "mqtt"])
def test_through_real_brokers_with_a_restart(
    kind: str, tmp_path: Path, store: GalleryStore
) -> None:
    server = START[kind](tmp_path / "server")
    try:
        messages, truth = walks(8)
        broker = open_broker(config_for(kind, server, tmp_path))
        centre = open_site(broker, store)
        told = Receiver(broker.subscribe(pattern_of("identity", SITE), "edge"))
        broker.publish([outgoing(one) for one in messages[:30]])
        for _ in range(10):
            centre.turn(0.1)
        centre.finish()
        centre = open_site(broker, store)
        broker.publish([outgoing(one) for one in messages[30:]])
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s and set(identities(store)) != set(truth):
            centre.turn(0.1)
        turn_until_done(centre)
        found = identities(store)
        assert groups(found) == same(truth)
        heard: dict[tuple[str, str, str, int], int] = {}
        while (received := told.receive(0.5)) is not None:
            assert isinstance(received.message, IdentityMessage)
            for one in received.message.members:
                heard[one.edge, one.boot, one.camera, one.track] = received.message.identity
            received.ack()
        assert heard == found
        centre.finish()
        broker.close()
    finally:
        server.kill()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Server]:
    server = nats_server(tmp_path / "nats")
    yield server
    server.kill()


@pytest.mark.slow
def test_through_a_real_broker_that_is_killed(
    nats: Server, tmp_path: Path, store: GalleryStore
) -> None:
    messages, truth = walks(12)
    broker = open_broker(config_for("nats", nats, tmp_path))
    centre = open_site(broker, store)
    broker.publish([outgoing(one) for one in messages[:50]])
    for _ in range(5):
        centre.turn(0.1)
    nats.kill()
    for _ in range(5):
        centre.turn(0.1)
    assert not centre.intake.broker_up
    nats.start()
    publish_when_back(lambda: broker.publish([outgoing(one) for one in messages[50:]]))
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        centre.turn(0.1)
        with contextlib.suppress(TransportUnavailableError):
            if centre.intake.receiver.pending() == 0:
                break
    found = identities(store)
    assert groups(found) == same(truth)
    assert replayed(store.events()) == found
    centre.finish()
    broker.close()


def publish_when_back(publish: Callable[[], None]) -> None:
    def published() -> bool:
        with contextlib.suppress(TransportUnavailableError):
            publish()
            return True
        return False

    wait_until(published, "for the broker")
