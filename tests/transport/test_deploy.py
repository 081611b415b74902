"""The broker configurations of configs/deploy, as they are but for places and ports, for real."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportUnavailableError
from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.wire.messages import IdentityMessage, TrackletMessage
from reid_tracker.transport.wire.subjects import pattern_of
from tests.conftest import ROOT
from tests.transport.conftest import SITE, outgoing
from tests.transport.samples import identity, tracklet
from tests.transport.servers import (
    Server,
    free_port,
    mosquitto_program,
    nats_program,
    until_saved,
)
from tests.transport.test_security import Authority

DEPLOY = ROOT / "configs" / "deploy"
PASSWORD = "long-and-secret"  # noqa: S105
WAIT_S = 120.0
"""A hub was seen to take 40 s until it collects again."""


class Site:
    """A centre and a camera host, each with a broker."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder
        self.authority = Authority(folder / "tls")
        self.ports = {"centre": free_port(), "leaf": free_port(), "edge": free_port()}
        self.servers: dict[str, Server] = {}
        if kind == "nats":
            self._start("centre", "nats-hub.conf", {"0.0.0.0:7422": self._at("leaf")})
            self._start("edge", "nats-leaf.conf", {"centre.example:7422": self._at("leaf")})
        else:
            self._start("centre", "mosquitto-centre.conf", {})
            self._start(
                "edge", "mosquitto-bridge.conf", {"centre.example:8883": self._at("centre")}
            )

    def _at(self, name: str) -> str:
        return f"127.0.0.1:{self.ports[name]}"

    def _start(self, host: str, name: str, more: dict[str, str]) -> None:
        folder = self.folder / host
        folder.mkdir()
        port = self.ports[host]
        text = (DEPLOY / name).read_text(encoding="utf-8")
        changes = {
            "0.0.0.0:4222": f"127.0.0.1:{port}",
            "127.0.0.1:4222": f"127.0.0.1:{port}",
            "listener 8883 0.0.0.0": f"listener {port} 127.0.0.1\nuser root",
            "listener 1883 127.0.0.1": f"listener {port} 127.0.0.1\nuser root",
            "/var/lib/reid-nats": str(folder),
            "/var/lib/reid-mosquitto/": f"{folder}/",
            "/etc/reid/server.pem": str(self.authority.certificate),
            "/etc/reid/server.key": str(self.authority.key),
            "/etc/reid/ca.pem": str(self.authority.ca),
            "/etc/reid/passwords": str(folder / "passwords"),
            "CHANGE_ME": PASSWORD,
            **more,
        }
        for old, new in changes.items():
            text = text.replace(old, new)
        settings = [line for line in text.splitlines() if not line.startswith("#")]
        for left in ("/etc/", "/var/", "example", "CHANGE_ME", "0.0.0.0"):  # noqa: S104
            assert not any(left in line for line in settings), left
        conf = folder / "broker.conf"
        conf.write_text(text)
        if self.kind == "mqtt":
            for user in ("track", "centre", "edge1"):
                create = [] if (folder / "passwords").exists() else ["-c"]
                words = ["-b", *create, str(folder / "passwords"), user, PASSWORD]
                subprocess.run(["mosquitto_passwd", *words], check=True, capture_output=True)
        program = nats_program() if self.kind == "nats" else mosquitto_program()
        self.servers[host] = Server(folder, [program, "-c", str(conf)], port)

    def config(self, host: str) -> TransportConfig:
        secret = self.folder / f"{host}.secret"
        secret.write_text(f"{'track' if host == 'edge' else 'centre'}:{PASSWORD}")
        return TransportConfig(
            address=f"{self.kind}://127.0.0.1:{self.ports[host]}",
            credentials=str(secret),
            tls_ca=str(self.authority.ca) if host == "centre" else None,
            edge_domains=("edge1",) if (self.kind, host) == ("nats", "centre") else (),
            identities_domain="hub" if (self.kind, host) == ("nats", "edge") else None,
            stream_bytes=2**26,
        )


@pytest.fixture(params=["nats", "mqtt"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    for name in ("CENTRE", "EDGE1", "TRACK"):
        monkeypatch.setitem(os.environ, f"REID_{name}_PASSWORD", PASSWORD)
    made = Site(request.param, tmp_path)
    yield made
    for server in made.servers.values():
        server.kill()


def batch(first: int, last: int) -> list[Outgoing]:
    return [outgoing(tracklet(n, edge="edge1")) for n in range(first, last)]


def take(receiver: Receiver, count: int, within_s: float = WAIT_S) -> list[int]:
    """Return the numbers of messages, as they come."""
    found: list[int] = []
    deadline = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < deadline:
        try:
            got = receiver.receive(0.5)
        except TransportUnavailableError:
            time.sleep(0.1)
            continue
        if got is not None:
            if isinstance(got.message, IdentityMessage):
                found.append(got.message.seq)
            else:
                assert isinstance(got.message, TrackletMessage)
                found.append(got.message.edge_seq)
            got.ack()
    return found


@pytest.mark.slow
def test_from_a_camera_host_to_the_centre(site: Site) -> None:
    edge = open_broker(site.config("edge"))
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    if site.kind == "mqtt":
        time.sleep(3)  # the bridge connects; what came before would wait, but see below
    edge.publish(batch(0, 30))
    assert take(receiver, 30) == list(range(30))
    assert (receiver.counts.missing, receiver.counts.duplicates) == (0, 0)
    edge.close()
    centre.close()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_while_the_centre_is_away(site: Site) -> None:
    edge = open_broker(site.config("edge"))
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    edge.publish(batch(0, 20))
    assert take(receiver, 20) == list(range(20))
    time.sleep(2)
    site.servers["centre"].kill()
    for start in range(20, 520, 50):
        edge.publish(batch(start, start + 50))
    time.sleep(2)
    site.servers["centre"].start()
    assert sorted(take(receiver, 500)) == list(range(20, 520))
    assert receiver.counts.missing == 0
    edge.close()
    centre.close()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_camera_host_hears_the_centre_also_what_it_said_meanwhile(site: Site) -> None:
    edge = open_broker(site.config("edge"))
    receiver = Receiver(edge.subscribe(pattern_of("identity", SITE), "edge1"))
    centre = open_broker(site.config("centre"))
    # What is said before Mosquitto's bridge has connected for the first time is for nobody.
    deadline = time.monotonic() + WAIT_S
    while not take(receiver, 1, 0.5):
        assert time.monotonic() < deadline
        centre.publish([outgoing(identity(0))])
    centre.publish([outgoing(identity(number)) for number in range(1, 20)])
    assert take(receiver, 19) == list(range(1, 20))
    if site.kind == "mqtt":
        until_saved(site.servers["edge"], pattern_of("identity", SITE))
    site.servers["edge"].kill()
    centre.publish([outgoing(identity(number)) for number in range(20, 120)])
    site.servers["edge"].start()
    centre.publish([outgoing(identity(number)) for number in range(120, 140)])
    assert sorted(set(take(receiver, 120))) == list(range(20, 140))
    centre.close()
    edge.close()
