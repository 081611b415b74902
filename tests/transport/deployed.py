"""A site with the broker configurations of configs/deploy; only paths and ports are changed."""

from __future__ import annotations

from pathlib import Path

from reid_tracker.config import TransportConfig
from reid_tracker.transport.access import (
    Host,
    mosquitto_bridge,
    mosquitto_password,
    mosquitto_user,
    nats_account,
)
from tests.conftest import ROOT
from tests.transport.conftest import SITE
from tests.transport.servers import Server, free_port, mosquitto_program, nats_program
from tests.transport.test_security import Authority

DEPLOY = ROOT / "configs" / "deploy"
HOSTS = ("edge1", "edge2")
PASSWORDS = {name: f"long-and-secret-of-{name}" for name in ("centre", "track", *HOSTS)}
WAIT_S = 120.0


class DeployedSite:
    """A centre and two camera hosts, each with a broker of its own.

    Attributes:
        kind: "nats" or "mqtt".
        servers: brokers by the name of their machine: "centre", "edge1", "edge2".
        leaf_port: where leaf nodes connect to the centre.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self._folder = kind, folder
        self.authority = Authority(folder / "tls")
        self.ports = {name: free_port() for name in ("centre", *HOSTS)}
        self.leaf_port = free_port()
        self.servers: dict[str, Server] = {}
        etc = folder / "centre"
        etc.mkdir()
        if kind == "nats":
            accounts = [nats_account(Host(SITE, name), PASSWORDS[name]) for name in HOSTS]
            (etc / "nats-hosts.conf").write_text("".join(accounts))
            self._start("centre", "nats-hub.conf")
        else:
            (etc / "mosquitto-acl.conf").write_text(
                (DEPLOY / "mosquitto-acl.conf").read_text()
                + "\n"
                + mosquitto_user(Host(SITE, "edge2"))
            )
            self._start("centre", "mosquitto-centre.conf")
        for name in HOSTS:
            (folder / name).mkdir()
            self._start(name, "nats-leaf.conf" if kind == "nats" else "mosquitto-bridge.conf")

    def _start(self, machine: str, name: str) -> None:
        folder, port = self._folder / machine, self.ports[machine]
        text = (DEPLOY / name).read_text(encoding="utf-8")
        if name == "mosquitto-bridge.conf":
            before, _ = text.split("connection edge1\n")
            text = before + mosquitto_bridge(Host(SITE, machine), PASSWORDS[machine])
        changes = {
            "edge1:CHANGE_ME@": f"{machine}:{PASSWORDS.get(machine)}@",
            "server_name: edge1": f"server_name: {machine}",
            "centre.example:8883": f"127.0.0.1:{self.ports['centre']}",
            "centre.example:7422": f"127.0.0.1:{self.leaf_port}",
            "0.0.0.0:7422": f"127.0.0.1:{self.leaf_port}",
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
            "/etc/reid/mosquitto-acl.conf": str(folder / "mosquitto-acl.conf"),
        }
        for old, new in changes.items():
            text = text.replace(old, new)
        settings = [line for line in text.splitlines() if not line.startswith("#")]
        for left in ("/etc/", "/var/", "example", "CHANGE_ME", "0.0.0.0"):  # noqa: S104
            assert not any(left in line for line in settings), left
        conf = folder / "broker.conf"
        conf.write_text(text)
        lines = [mosquitto_password(user, password) for user, password in PASSWORDS.items()]
        (folder / "passwords").write_text("".join(lines))
        program = nats_program() if self.kind == "nats" else mosquitto_program()
        self.servers[machine] = Server(folder, [program, "-c", str(conf)], port)

    def config(self, machine: str, user: str | None = None) -> TransportConfig:
        """Return how a program on a machine connects, or anybody to the centre as a user."""
        name = user or ("centre" if machine == "centre" else "track")
        secret = self._folder / f"{machine}-{name}.secret"
        secret.write_text(f"{name}:{PASSWORDS[name]}")
        return TransportConfig(
            address=f"{self.kind}://127.0.0.1:{self.ports[machine]}",
            credentials=str(secret),
            tls_ca=str(self.authority.ca) if machine == "centre" else None,
            stream_bytes=2**26,
        )

    def close(self) -> None:
        for server in self.servers.values():
            server.kill()
