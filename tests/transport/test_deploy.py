"""The broker configurations of configs/deploy with real servers: messages pass, none is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reid_tracker.transport.access import Host, listener_name, mosquitto_user, nats_account
from reid_tracker.transport.brokers.base import Broker
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.sending.sender import Sender
from reid_tracker.transport.sending.spool import Spool
from reid_tracker.transport.wire.messages import IdentityMessage, TrackletMessage
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import SITE, outgoing, receive
from tests.transport.deployed import DEPLOY, PASSWORDS, WAIT_S, DeployedSite
from tests.transport.samples import identity, tracklet
from tests.transport.servers import until_saved
from tests.waiting import wait_until


@pytest.fixture(params=["nats", "mqtt"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DeployedSite]:
    for name in ("centre", "track"):
        monkeypatch.setitem(os.environ, f"REID_{name.upper()}_PASSWORD", PASSWORDS[name])
    made = DeployedSite(request.param, tmp_path)
    yield made
    made.close()


def take(receiver: Receiver, count: int, within_s: float = WAIT_S) -> list[int]:
    """Return the numbers of received messages."""
    found: list[int] = []
    deadline = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < deadline:
        if (got := receive(receiver, 0.5)) is not None:
            if isinstance(got.message, IdentityMessage):
                found.append(got.message.seq)
            else:
                assert isinstance(got.message, TrackletMessage)
                found.append(got.message.edge_seq)
            got.ack()
    return found


def test_the_shipped_lists_are_what_the_command_writes() -> None:
    host = Host("hall", "edge1")
    hosts = (DEPLOY / "nats-hosts.conf").read_text(encoding="utf-8")
    assert hosts.endswith(nats_account(host, "$REID_EDGE1_PASSWORD"))
    acl = (DEPLOY / "mosquitto-acl.conf").read_text(encoding="utf-8")
    assert acl.endswith(mosquitto_user(host))


def test_no_password_is_an_argument_of_a_program() -> None:
    """Every user of a machine can read the arguments of its programs."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    for name, service in compose["services"].items():
        words = service.get("command", []), service.get("entrypoint", [])
        assert "PASSWORD" not in str(words), name
    for unit in DEPLOY.glob("*.service"):
        starts = [line for line in unit.read_text().splitlines() if line.startswith("ExecStart")]
        assert "PASSWORD" not in "".join(starts)


@pytest.mark.slow
def test_messages_of_two_camera_hosts_to_the_centre_and_back(
    site: DeployedSite, tmp_path: Path
) -> None:
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    listeners = {}
    for host in ("edge1", "edge2"):
        centre.prepare(pattern_of("identity", SITE), listener_name(SITE, host))
        with Sender(SITE, lambda h=host: open_broker(site.config(h), host=True)) as sender:  # type: ignore[misc]
            if site.kind == "mqtt":
                until_bridged(site, host)
            for number in range(30):
                sender.send(tracklet(number, edge=host))
            assert sender.wait_sent(WAIT_S)
        assert take(receiver, 30) == list(range(30))
        broker = open_broker(site.config(host), host=True)
        durable = listener_name(SITE, host)
        listeners[host] = Receiver(broker.subscribe(pattern_of("identity", SITE), durable))
        until_heard(centre, listeners[host])
    assert (receiver.counts.missing, receiver.counts.duplicates) == (0, 0)
    centre.publish([outgoing(identity(number)) for number in range(1, 20)])
    for listener in listeners.values():
        assert take(listener, 19) == list(range(1, 20))
    centre.close()


def until_bridged(site: DeployedSite, host: str) -> None:
    """Wait until a bridge has connected; messages before that wait, but in no order."""
    log = site.servers["centre"].folder / "log.txt"
    wait_until(lambda: f"as {host}-" in log.read_text(), log)


def until_heard(centre: Broker, listener: Receiver) -> None:
    """Publish until a host hears it: earlier messages are lost before its bridge subscribes."""

    def heard() -> bool:
        centre.publish([outgoing(identity(0))])
        return take(listener, 1, 0.5) == [0]

    wait_until(heard)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_while_the_centre_is_away(site: DeployedSite, tmp_path: Path) -> None:
    """Messages wait in the spool of the host, and with Mosquitto in its broker."""
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    with (
        Spool(tmp_path / "spool.sqlite") as spool,
        Sender(SITE, lambda: open_broker(site.config("edge1"), host=True), spool) as sender,
    ):
        for number in range(20):
            sender.send(tracklet(number, edge="edge1"))
        assert sorted(take(receiver, 20)) == list(range(20))
        wait_until(lambda: receiver.pending() == 0)
        if site.kind == "mqtt":
            until_saved(site.servers["centre"], pattern_of("tracklet"))
        site.servers["centre"].kill()
        for number in range(20, 520):
            sender.send(tracklet(number, edge="edge1"))
        assert sender.wait_stored(WAIT_S)
        site.servers["centre"].start()
        assert sorted(take(receiver, 500)) == list(range(20, 520))
    assert receiver.counts.missing == 0
    centre.close()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_host_gets_the_identities_sent_during_its_absence(site: DeployedSite) -> None:
    centre = open_broker(site.config("centre"))
    durable = listener_name(SITE, "edge1")
    centre.prepare(pattern_of("identity", SITE), durable)
    edge = open_broker(site.config("edge1"), host=True)
    receiver = Receiver(edge.subscribe(pattern_of("identity", SITE), durable))
    until_heard(centre, receiver)
    centre.publish([outgoing(identity(number)) for number in range(1, 20)])
    assert take(receiver, 19) == list(range(1, 20))
    if site.kind == "mqtt":
        until_saved(site.servers["edge1"], pattern_of("identity", SITE))
    site.servers["edge1"].kill()
    centre.publish([outgoing(identity(number)) for number in range(20, 120)])
    site.servers["edge1"].start()
    centre.publish([outgoing(identity(number)) for number in range(120, 140)])
    assert sorted(set(take(receiver, 120))) == list(range(20, 140))
    centre.close()
    edge.close()
