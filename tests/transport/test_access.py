"""Access rights of camera hosts at a broker."""

from __future__ import annotations

from reid_tracker.transport.access import (
    Host,
    listener_name,
    mosquitto_bridge,
    mosquitto_password,
    mosquitto_user,
    nats_account,
)


def test_a_host_gets_its_own_subjects_only() -> None:
    text = nats_account(Host("my hall", "edge*"), "secret")
    subjects = [line.split('subject: "')[1].split('"')[0] for line in text.splitlines()[4:-2]]
    durable = listener_name("my hall", "edge*")
    assert subjects == [
        "reid.v1.my=20hall.edge=2A.*.tracklet",
        "reid.v1.my=20hall.edge=2A.*.status",
        f"$JS.API.CONSUMER.MSG.NEXT.REID_IDENTITIES.{durable}",
        f"$JS.ACK.REID_IDENTITIES.{durable}.>",
    ]
    assert 'user: "edge=2A", password: "secret"' in text


def test_names_cannot_add_lines() -> None:
    host = Host("hall\nuser root", "edge1\n}\n")
    assert mosquitto_user(host).count("\n") == 4
    assert nats_account(host, 'a"b').count("\n") == nats_account(Host("h", "e"), "x").count("\n")
    assert '"a\\"b"' in nats_account(host, 'a"b')


def test_mosquittos_lines_differ_each_time() -> None:
    host = Host("hall", "edge1")
    assert mosquitto_password("u", "p") != mosquitto_password("u", "p")
    assert mosquitto_bridge(host, "p") != mosquitto_bridge(host, "p")
    assert listener_name("a", "b/c") != listener_name("a/b", "c")
