"""Passwords, keys and certificates: refusals, and no secret in any message."""

from __future__ import annotations

import dataclasses
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from reid_tracker.errors import TransportError, TransportUnavailableError
from reid_tracker.transport.brokers.open import open_broker
from reid_tracker.transport.receiving.receiver import Receiver
from reid_tracker.transport.sending.sender import Sender
from reid_tracker.transport.wire.subjects import pattern_of
from tests.transport.conftest import SITE, config_for, outgoing
from tests.transport.samples import tracklet
from tests.transport.servers import PASSWORD, USER, Server
from tests.waiting import PATIENCE_S, wait_until

KINDS = pytest.mark.parametrize("kind", ["nats", "mqtt"])


def check_works(config: TransportConfig) -> None:
    broker = open_broker(config)
    receiver = Receiver(broker.subscribe(pattern_of("tracklet"), "centre"))
    broker.publish([outgoing(tracklet(1))])
    got = receiver.receive(20)
    assert got is not None
    got.ack()
    broker.close()


@KINDS
@pytest.mark.parametrize("secret", [None, f"{USER}:wrong secret", "somebody:wrong secret"])
def test_wrong_credentials(
    kind: str,
    secret: str | None,
    start: Callable[..., Server],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = config_for(kind, start(kind), tmp_path)
    if secret is None:
        config = dataclasses.replace(config, credentials=None)
    else:
        (tmp_path / "secret").write_text(secret)
    begun = time.monotonic()
    with pytest.raises(TransportError) as caught:
        open_broker(config)
    assert time.monotonic() - begun < 6
    assert not isinstance(caught.value, TransportUnavailableError)
    text = str(caught.value)
    assert "refuses the credentials; check REID_TRANSPORT_USER" in text
    assert "\n" not in text
    for shown in (text, repr(caught.value), caplog.text):
        assert "wrong secret" not in shown
        assert USER not in shown


@KINDS
def test_credentials_of_the_environment(
    kind: str, start: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config_for(kind, start(kind), tmp_path), credentials=None)
    monkeypatch.setenv("REID_TRANSPORT_USER", USER)
    monkeypatch.setenv("REID_TRANSPORT_PASSWORD", PASSWORD)
    check_works(config)


@pytest.mark.slow
@KINDS
def test_a_password_that_changes_while_running(
    kind: str, start: Callable[..., Server], tmp_path: Path
) -> None:
    """A sender reports it and continues when the password is right again."""
    server = start(kind)
    config = config_for(kind, server, tmp_path)
    with Sender(SITE, lambda: open_broker(config), first_wait_s=0.1) as sender:
        sender.send(tracklet(0))
        assert sender.wait_sent(PATIENCE_S)
        server.kill()
        (tmp_path / "secret").write_text(f"{USER}:old secret\n")
        conf = server.folder / "nats.conf"
        if kind == "nats":
            conf.write_text(conf.read_text().replace(PASSWORD, "a new one"))
        else:
            words = ["-b", str(server.folder / "passwords"), USER, "a new one"]
            subprocess.run(["mosquitto_passwd", *words], check=True, capture_output=True)
        server.start()
        sender.send(tracklet(1))
        wait_until(lambda: "credentials" in sender.away)
        assert "refuses the credentials" in sender.away or "has ended" in sender.away
        assert "secret" not in sender.away
        (tmp_path / "secret").write_text(f"{USER}:a new one\n")
        assert sender.wait_sent(PATIENCE_S)


def test_an_nkey(start: Callable[..., Server], tmp_path: Path) -> None:
    nkeys = pytest.importorskip("nkeys")
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    server = start(
        "nats", open_to_all=True, more=f"authorization {{ users: [ {{ nkey: {public} }} ] }}"
    )
    (tmp_path / "seed").write_bytes(seed + b"\n")
    address = f"nats://127.0.0.1:{server.port}"
    check_works(TransportConfig(address, credentials=str(tmp_path / "seed")))
    with pytest.raises(TransportError, match="refuses the credentials"):
        open_broker(TransportConfig(address))


class Authority:
    """A test certificate authority, and a server certificate that it signed."""

    def __init__(self, folder: Path, host: str = "IP:127.0.0.1") -> None:
        folder.mkdir()
        self.ca, ca_key = folder / "ca.pem", folder / "ca.key"
        self.certificate, self.key = folder / "server.pem", folder / "server.key"
        request = folder / "server.csr"
        names = folder / "names"
        names.write_text(f"subjectAltName={host}\n")
        new = ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        _run(*new, "-x509", "-subj", "/CN=test", "-keyout", ca_key, "-out", self.ca, "-days", "2")
        _run(*new, "-subj", "/CN=server", "-keyout", self.key, "-out", request)
        sign: list[str | Path] = [
            "openssl",
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            self.ca,
            "-CAkey",
            ca_key,
        ]
        _run(*sign, "-CAcreateserial", "-days", "2", "-extfile", names, "-out", self.certificate)

    def settings(self, kind: str) -> str:
        if kind == "nats":
            return f'tls {{ cert_file: "{self.certificate}", key_file: "{self.key}" }}'
        return f"certfile {self.certificate}\nkeyfile {self.key}"


def _run(*words: str | Path) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


@pytest.mark.slow
@KINDS
def test_tls(kind: str, start: Callable[..., Server], tmp_path: Path) -> None:
    ours, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    config = config_for(kind, start(kind, more=ours.settings(kind)), tmp_path)
    check_works(dataclasses.replace(config, tls_ca=str(ours.ca)))
    with pytest.raises(TransportError, match="certificate is not trusted") as caught:
        open_broker(dataclasses.replace(config, tls_ca=str(other.ca)))
    assert "\n" not in str(caught.value)
    assert not isinstance(caught.value, TransportUnavailableError)
    with pytest.raises(TransportError):
        open_broker(config)  # without TLS, or by the authorities of the system


@KINDS
def test_the_certificate_of_another_host(
    kind: str, start: Callable[..., Server], tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "ours", "DNS:elsewhere.example")
    config = config_for(kind, start(kind, more=authority.settings(kind)), tmp_path)
    with pytest.raises(TransportError, match="certificate is not trusted"):
        open_broker(dataclasses.replace(config, tls_ca=str(authority.ca)))


def test_nothing_is_sent_if_the_server_does_not_offer_the_configured_tls(tmp_path: Path) -> None:
    """An attacker in between could remove TLS from the first message of a NATS server."""
    authority = Authority(tmp_path / "ours")
    (tmp_path / "secret").write_text("user:very secret")
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(3)
                connection.sendall(
                    b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576,'
                    b'"headers":true,"auth_required":true,"jetstream":true}\r\n'
                )
                try:
                    heard.append(connection.recv(4096))
                except OSError:
                    heard.append(b"")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        config = TransportConfig(
            f"tls://127.0.0.1:{listener.getsockname()[1]}",
            credentials=str(tmp_path / "secret"),
            tls_ca=str(authority.ca),
            timeout_s=2,
        )
        with pytest.raises(TransportError, match="offers no TLS; nothing was sent"):
            open_broker(config)
        thread.join(PATIENCE_S)
    assert heard == [b""]
