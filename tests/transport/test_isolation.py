"""An attacker has the password of one camera host: what the shipped configurations refuse."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.transport.access import listener_name
from reid_tracker.transport.brokers.base import Outgoing
from reid_tracker.transport.brokers.mqtt import session_id
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.sending.sender import Sender
from reid_tracker.transport.wire.codec import encode_message
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import SITE, outgoing
from tests.transport.deployed import PASSWORDS, WAIT_S, DeployedSite
from tests.transport.samples import identity, tracklet
from tests.transport.servers import Server, free_port, nats_program
from tests.transport.test_deploy import take, until_bridged
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("centre", "track"):
        monkeypatch.setitem(os.environ, f"REID_{name.upper()}_PASSWORD", PASSWORDS[name])
    made: list[DeployedSite] = []

    def start(kind: str) -> DeployedSite:
        made.append(DeployedSite(kind, tmp_path))
        return made[-1]

    yield start
    for one in made:
        one.close()


def send_all(site: DeployedSite, host: str, first: int, last: int) -> None:
    with Sender(SITE, lambda: open_broker(site.config(host), host=True)) as sender:
        for number in range(first, last):
            sender.send(tracklet(number, edge=host))
        assert sender.wait_sent(WAIT_S)


# --- NATS ---


async def attack_nats(client: Any, heard: list[bytes]) -> list[str]:
    """Try all forbidden actions; return those that succeeded."""

    won: list[str] = []

    async def hear(message: Any) -> None:
        heard.append(message.data)

    for pattern in (">", "reid.>", "reid.v1.*.edge2.>", "_INBOX.>", "$JS.>"):
        await client.subscribe(pattern, cb=hear)
    await client.flush()
    forged = encode_message(tracklet(7, edge="edge2"))
    edge2 = listener_name(SITE, "edge2")
    consumer = {
        "stream_name": "REID_TRACKLETS",
        "config": {"durable_name": "mine", "ack_policy": "none", "deliver_subject": "mine"},
    }
    requests = {
        "reid.v1.hall.edge2.door.tracklet": forged,
        "reid.v1.other.edge1.door.tracklet": forged,
        "reid.v1.hall.identity": encode_message(identity(9)),
        "$JS.API.STREAM.PURGE.REID_TRACKLETS": b"",
        "$JS.API.STREAM.DELETE.REID_TRACKLETS": b"",
        "$JS.API.STREAM.NAMES": b"",
        "$JS.API.STREAM.UPDATE.REID_TRACKLETS": b'{"name": "REID_TRACKLETS", "subjects": ["x"]}',
        "$JS.API.STREAM.CREATE.MINE": b'{"name": "MINE", "subjects": ["reid.>"]}',
        "$JS.API.STREAM.MSG.GET.REID_TRACKLETS": b'{"seq": 1}',
        "$JS.API.STREAM.MSG.DELETE.REID_TRACKLETS": b'{"seq": 1}',
        "$JS.API.DIRECT.GET.REID_TRACKLETS": b'{"seq": 1}',
        "$JS.API.CONSUMER.CREATE.REID_TRACKLETS.mine": json.dumps(consumer).encode(),
        "$JS.API.CONSUMER.DELETE.REID_TRACKLETS.matcher": b"",
        "$JS.API.CONSUMER.MSG.NEXT.REID_TRACKLETS.matcher": b"1",
        "reid.api.CONSUMER.MSG.NEXT.REID_TRACKLETS.matcher": b"1",
        f"reid.api.CONSUMER.MSG.NEXT.REID_IDENTITIES.{edge2}": b"1",
    }
    for prefix in ("$JS.API", "$JS.hub.API", "reid.api"):
        requests[f"{prefix}.CONSUMER.DELETE.REID_IDENTITIES.{edge2}"] = b""
    for subject, data in requests.items():
        with contextlib.suppress(Exception):
            answer = await client.request(subject, data, timeout=0.3)
            if b'"error"' not in answer.data:
                won.append(f"{subject}: {answer.data[:80]!r}")
    # The server's answer to a permitted message goes where the sender says.
    for subject in ("$JS.API.STREAM.PURGE.REID_TRACKLETS", "reid.v1.hall.edge2.door.tracklet"):
        await client.publish("reid.v1.hall.edge1.door.tracklet", b"{}", reply=subject)
    # Ids of messages that another host will send.
    for number in range(100, 120):
        genuine = tracklet(number, edge="edge2")
        headers = {"Nats-Msg-Id": genuine.message_id}
        await client.publish("reid.v1.hall.edge1.door.tracklet", b"{}", headers=headers)
    # One's own subject, the content of another.
    await client.publish("reid.v1.hall.edge1.door.tracklet", forged)
    await client.flush()
    return won


async def ignore(_error: Exception) -> None:
    pass


@pytest.mark.parametrize("way", ["client", "leaf node"])
def test_one_hosts_password_at_nats(way: str, deployed: Any, tmp_path: Path) -> None:
    site: DeployedSite = deployed("nats")
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    durable = listener_name(SITE, "edge2")
    for host in ("edge1", "edge2"):
        centre.prepare(pattern_of("identity", SITE), listener_name(SITE, host))
    send_all(site, "edge2", 0, 20)
    tls: ssl.SSLContext | None = ssl.create_default_context(cafile=site.authority.ca)
    url, user, secret = f"tls://127.0.0.1:{site.ports['centre']}", "edge1", PASSWORDS["edge1"]
    leaf = None
    if way == "leaf node":
        leaf = own_leaf_node(site, tmp_path / "attacker")
        url, user, secret, tls = f"nats://127.0.0.1:{leaf.port}", "me", "me", None

    async def run() -> list[str]:
        import nats

        client = await nats.connect(url, user=user, password=secret, tls=tls, error_cb=ignore)
        heard: list[bytes] = []
        won = await attack_nats(client, heard)
        await asyncio.to_thread(send_all, site, "edge2", 20, 120)
        centre.publish([outgoing(identity(3))])
        await client.flush()
        genuine = {encode_message(tracklet(number, edge="edge2")) for number in range(20, 120)}
        won += [f"heard {data!r}" for data in genuine & set(heard)]
        await client.close()
        return won

    assert asyncio.run(run()) == []
    assert sorted(take(receiver, 120, 30)) == list(range(120))
    assert receiver.receive(1) is None
    assert receiver.counts.missing == 0
    assert set(receiver.counts.refused_by) == {"version", "sender"}
    edge2 = open_broker(site.config("edge2"), host=True)
    listener = Receiver(edge2.subscribe(pattern_of("identity", SITE), durable))
    assert take(listener, 1, 20) == [3]
    edge2.close()
    centre.close()
    if leaf is not None:
        leaf.kill()


@pytest.mark.parametrize("discard", ["old", "new"])
def test_a_host_that_fills_the_stream(discard: str, deployed: Any) -> None:
    """With "old" it displaces other hosts' messages; with "new" their later messages wait."""
    site: DeployedSite = deployed("nats")
    small = dataclasses.replace(
        site.config("centre"), stream_bytes=2**20, stream_discard=discard, stream_age_h=15 / 3600
    )
    centre = open_broker(small)
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"))
    send_all(site, "edge2", 0, 20)
    assert asyncio.run(flood(site)) == (discard == "new")
    if discard == "new":
        assert sorted(take(receiver, 20, 30)) == list(range(20))
    edge2 = Sender(SITE, lambda: open_broker(site.config("edge2"), host=True))
    with edge2:
        for number in range(20, 40):
            edge2.send(tracklet(number, edge="edge2"))
        assert edge2.wait_sent(3) == (discard == "old")
        assert sorted(take(receiver, 20, WAIT_S)) == list(range(20, 40))  # the flood grows old
        assert edge2.wait_sent(WAIT_S)
    centre.close()


async def flood(site: DeployedSite) -> bool:
    """Publish 2 MiB as edge1, more than the stream holds; return whether some was refused."""
    import nats

    tls = ssl.create_default_context(cafile=site.authority.ca)
    url = f"tls://127.0.0.1:{site.ports['centre']}"
    client = await nats.connect(url, user="edge1", password=PASSWORDS["edge1"], tls=tls)
    answers = [
        await client.request("reid.v1.hall.edge1.door.tracklet", bytes(60_000), timeout=10)
        for _ in range(2**21 // 60_000)
    ]
    await client.close()
    return any(b'"error"' in answer.data for answer in answers)


def own_leaf_node(site: DeployedSite, folder: Path) -> Server:
    """Start a leaf node without the restrictions of the shipped file."""
    folder.mkdir()
    port = free_port()
    (folder / "leaf.conf").write_text(
        f"""
        listen: "127.0.0.1:{port}"
        authorization {{ users: [{{ user: me, password: me }}] }}
        leafnodes {{ reconnect: "1s", remotes: [{{
          url: "tls://edge1:{PASSWORDS["edge1"]}@127.0.0.1:{site.leaf_port}"
          tls {{ ca_file: "{site.authority.ca}" }} }}] }}
        """
    )
    server = Server(folder, [nats_program(), "-c", str(folder / "leaf.conf")], port)
    log = folder / "log.txt"
    wait_until(lambda: "JetStream using domains" in log.read_text(), log)
    return server


def test_a_deleted_stream_is_created_again(deployed: Any) -> None:
    """An administrator of the server may delete it; the centre continues."""
    site: DeployedSite = deployed("nats")
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"))
    send_all(site, "edge1", 0, 5)
    assert take(receiver, 5) == list(range(5))
    asyncio.run(delete_streams(site))
    with Sender(SITE, lambda: open_broker(site.config("edge1"), host=True)) as sender:
        sender.send(tracklet(5, edge="edge1"))
        assert take(receiver, 1) == [5]
        assert sender.wait_sent(PATIENCE_S)
    assert receiver.pending() <= 1  # an acknowledgement may be on its way

    def published() -> bool:
        """A publisher makes the stream, and publishes once it is there."""
        with contextlib.suppress(Exception):
            centre.publish([outgoing(identity(1))])
            return True
        return False

    wait_until(published)
    centre.close()


async def delete_streams(site: DeployedSite) -> None:
    import nats

    tls = ssl.create_default_context(cafile=site.authority.ca)
    url = f"tls://127.0.0.1:{site.ports['centre']}"
    client = await nats.connect(url, user="centre", password=PASSWORDS["centre"], tls=tls)
    for name in ("REID_TRACKLETS", "REID_IDENTITIES"):
        await client.jetstream().delete_stream(name)
    await client.close()


# --- Mosquitto ---


def mqtt_client(site: DeployedSite, client_id: str, heard: list[str]) -> Any:
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    client.username_pw_set("edge1", PASSWORDS["edge1"])
    client.tls_set_context(ssl.create_default_context(cafile=site.authority.ca))
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    if client_id == "dead":
        client.will_set("reid/v1/hall/edge2/=/status", b"{}", qos=1)
    client.connect("127.0.0.1", site.ports["centre"])
    answered = threading.Event()
    client.on_connect = client.on_disconnect = lambda *_: answered.set()
    client.loop_start()
    assert answered.wait(PATIENCE_S)
    return client


def test_one_hosts_password_at_mosquitto(deployed: Any) -> None:
    site: DeployedSite = deployed("mqtt")
    until_bridged(site, "edge2")
    centre = open_broker(site.config("centre"))
    receiver = Receiver(centre.subscribe(pattern_of("tracklet"), "matcher"), gaps=True)
    send_all(site, "edge2", 0, 20)
    heard: list[str] = []
    # The names of sessions, as somebody who reads this program knows them.
    names = ["me", "reid-matcher", "edge2-bridge", session_id("matcher", PASSWORDS["edge1"])]
    clients = [mqtt_client(site, name, heard) for name in names]
    for client in clients:
        for pattern in ("#", "reid/v1/#", "reid/v1/+/edge2/#", "$SYS/#"):
            client.subscribe(pattern, qos=1)
        forged: list[Outgoing] = [outgoing(tracklet(7, edge="edge2")), outgoing(identity(9))]
        topics = [message.subject.replace(".", "/") for message in forged]
        topics += ["reid/v1/hall/edge1/door/tracklet", "reid/v1/other/edge1/door/tracklet"]
        for topic in topics:
            for retain in (False, True):
                wait_until(client.is_connected)
                with contextlib.suppress(RuntimeError):  # Mosquitto may end the connection
                    done = client.publish(topic, forged[0].data, qos=1, retain=retain)
                    done.wait_for_publish(10)
    send_all(site, "edge2", 20, 60)
    assert sorted(take(receiver, 60, 30)) == list(range(60))
    wait_until(clients[0].is_connected)
    clients[0].publish("reid/v1/hall/edge1/door/tracklet", b"{}", qos=1).wait_for_publish(10)
    clients.append(mqtt_client(site, "dead", heard))  # Mosquitto refuses a client with such a will
    for client in clients:
        client._sock_close()  # a will comes when a connection breaks
        client.loop_stop()
    assert receiver.receive(1) is None
    assert receiver.counts.missing == 0
    assert set(receiver.counts.refused_by) <= {"sender", "version"}
    assert heard == []
    centre.close()
