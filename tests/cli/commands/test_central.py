"""`reid-track central` as a process: kills, stops, the status page, and errors of one line."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.central.records import sighting_id
from reid_tracker.cli.commands.central import encoder_of
from reid_tracker.cli.main import main, parser_of
from reid_tracker.config import load_config, read_yaml
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.open import open_gallery
from reid_tracker.match.gallery.records import SightingRecord
from reid_tracker.match.gallery.store import GalleryStore
from reid_tracker.transport import Broker, TrackletMessage, open_broker
from reid_tracker.zoo import load_manifest
from tests.central.world import (
    CAMERAS,
    MODEL,
    SITE,
    groups,
    identities,
    look,
    outgoing,
    replayed,
    walks,
)
from tests.conftest import ROOT
from tests.match.gallery.server import start_or_skip
from tests.transport.conftest import config_for
from tests.transport.servers import PASSWORD, USER, Server, free_port, nats_server
from tests.waiting import wait_until

QUICK = ("central.window_s=0.2", "central.batch_s=0.05", "match.patience_s=0.4")


@pytest.fixture
def database() -> Iterator[str]:
    server = start_or_skip()
    yield server.address
    server.stop()


@pytest.fixture
def store(database: str) -> Iterator[GalleryStore]:
    """The gallery, read while the centre's process runs; only one process can open a file."""
    with open_gallery(database) as opened:
        yield opened


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[Server]:
    server = nats_server(tmp_path / "nats")
    yield server
    server.kill()


class Process:
    """A centre in its own process."""

    def __init__(
        self, nats: Server, folder: Path, gallery: str, *more: str, notes: str = ""
    ) -> None:
        settings = [*QUICK, "transport.ack_wait_s=1", "transport.timeout_s=2"]
        words = ["--broker", f"nats://127.0.0.1:{nats.port}", "--site", SITE]
        words += ["--gallery", gallery, "--fingerprint", MODEL]
        words += [word for text in settings for word in ("--set", text)]
        environment = os.environ | {
            "REID_TRANSPORT_USER": USER,
            "REID_TRANSPORT_PASSWORD": PASSWORD,
            "NOTIFY_SOCKET": notes,
        }
        self.log = folder / "central.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reid_tracker.cli.program", "central", *words, *more],
                stderr=log,
                env=environment,
            )

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Stop it; return the exit code and the seconds that this took."""
        asked_s = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(15)
        return code, time.monotonic() - asked_s


def wait_until_stored(store: GalleryStore, messages: list[TrackletMessage]) -> None:
    """Wait until the gallery has the last state of all tracklets, with identities."""
    wanted = {sighting_id(SITE, one.key): one.end_s for one in messages if one.state == "end"}

    def stored() -> bool:
        found = store.sightings()
        return {one.id: one.end_s for one in found} == wanted and all(one.identity for one in found)

    wait_until(stored, f"for {len(wanted)} tracklets", step_s=0.3)


def publish(broker: Broker, messages: list[TrackletMessage]) -> None:
    broker.publish([outgoing(message) for message in messages])


def run_with_kills(
    nats: Server, folder: Path, database: str, store: GalleryStore, *, kills: int, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - when to kill, no secret
    messages, truth = walks(4 * (kills + 1))
    broker = open_broker(config_for("nats", nats, folder))
    share = len(messages) // (kills + 1) + 1
    seen: dict[str, set[int]] = {}
    for start in range(0, len(messages), share):
        part = messages[start : start + share]
        last = start + share >= len(messages)
        with Process(nats, folder, database) as process:
            for index in range(0, len(part), 4):
                publish(broker, part[index : index + 4])
                time.sleep(chance.uniform(0, 0.2))  # cameras report over time
            if last:
                wait_until_stored(store, messages)
                code, seconds = process.stop()
                assert (code, seconds < 5) == (143, True)
            else:
                time.sleep(chance.uniform(0, 4))  # at any moment of its work
        for one in store.sightings():
            seen.setdefault(one.id, set()).add(one.identity)
    found = identities(store)
    assert groups(found) == groups({key: who + 1 for key, who in truth.items()})
    events = store.events()
    assert replayed(events) == found
    for key, number in found.items():
        name = sighting_id(SITE, key)
        # An event reports each earlier number.
        told = {one.identity for one in events if name in one.sightings} | {0}
        assert seen.get(name, set()) <= told | {number}
    broker.close()


@pytest.mark.long
def test_killed_and_started_again(
    nats: Server, tmp_path: Path, database: str, store: GalleryStore
) -> None:
    run_with_kills(nats, tmp_path, database, store, kills=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_killed_many_times(
    seed: int, nats: Server, tmp_path: Path, database: str, store: GalleryStore
) -> None:
    run_with_kills(nats, tmp_path, database, store, kills=8, seed=seed)


def ask(port: int, path: str) -> str:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Authorization": "Bearer s3cret"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())


def received(messages: list[TrackletMessage]) -> str:
    """Return the metrics line that shows that all messages have arrived."""
    return f'reid_messages_total{{kind="tracklet"}} {float(len(messages))}'


@pytest.mark.slow
def test_status_json_logs_systemd_and_a_clean_stop(
    nats: Server, tmp_path: Path, database: str, store: GalleryStore
) -> None:
    port, notes = free_port(), tmp_path / "notes"
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(str(notes))
    heard.settimeout(30)
    more = ["--status", f"127.0.0.1:{port}", "--status-token-file", str(token), "--json-logs"]

    with Process(nats, tmp_path, database, *more, "--debug", notes=str(notes)) as process:
        assert heard.recv(100) == b"READY=1"
        messages, _ = walks(4)
        broker = open_broker(config_for("nats", nats, tmp_path))
        publish(broker, messages)
        wait_until_stored(store, messages)
        assert json.loads(ask(port, "/health"))["healthy"] is True
        text = ask(port, "/metrics")
        assert received(messages) in text
        assert "reid_identities_new_total 4.0" in text
        assert "reid_gallery_up 1.0" in text
        assert "reid_match_seconds_count" in text
        assert "reid_message_age_seconds_count" in text
        assert heard.recv(100) == b"WATCHDOG=1"
        code, seconds = process.stop(signal.SIGINT)
        assert (code, seconds < 5) == (130, True)
    said = b""
    while b"STOPPING" not in said:
        said = heard.recv(100)
    heard.close()
    broker.close()
    lines = process.log.read_text().splitlines()
    assert all(json.loads(line)["command"] == "central" for line in lines[:-1])
    assert lines[-1] == "interrupted"


@pytest.mark.slow
def test_what_is_held_is_stored_at_the_end(
    nats: Server, tmp_path: Path, database: str, store: GalleryStore
) -> None:
    messages, _ = walks(3)
    broker = open_broker(config_for("nats", nats, tmp_path))
    port, notes = free_port(), tmp_path / "notes"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(notes))
        heard.settimeout(30)
        more = ["--set", "central.window_s=200", "--status", f"127.0.0.1:{port}"]
        with Process(nats, tmp_path, database, *more, notes=str(notes)) as process:
            heard.recv(100)
            publish(broker, messages)
            wait_until(lambda: received(messages) in ask(port, "/metrics"))
            assert store.sightings() == []
            code, seconds = process.stop()
            assert (code, seconds < 5) == (143, True)
    assert len(store.sightings()) == len(CAMERAS) * 3
    broker.close()


# --- errors of one line ---------------------------------------------------------------------------


def refusal(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    assert main(["central", *words]) == code
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1, said
    return said


def test_what_is_missing_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gallery = ("--gallery", str(tmp_path / "gallery.sqlite"))
    broker = ("--broker", f"nats://127.0.0.1:{free_port()}")
    model = ("--fingerprint", MODEL)
    assert "--site hall" in refusal(capsys, 2, *broker, *gallery, *model)
    twice = ("--site", "a", "--site", "a")
    assert "different names of sites" in refusal(capsys, 2, *broker, *gallery, *model, *twice)
    assert "--gallery" in refusal(capsys, 2, *broker, "--site", "hall", *model)
    memory = ("--broker", "memory", "--site", "hall")
    assert "--broker" in refusal(capsys, 2, *memory, *gallery, *model)
    wrong = ("--site", "hall", "--fingerprint", "abc")
    said = refusal(capsys, 2, *broker, *gallery, *wrong)
    assert "osnet_x0_5_market_cuhk03" in said
    assert "SHA-256" in said
    none = ("--site", "hall", "--encoder", "none")
    assert "--encoder" in refusal(capsys, 2, *broker, *gallery, *none)
    absent = ("--site", "hall", *model, "--topology", str(tmp_path / "absent.yaml"))
    assert "absent.yaml" in refusal(capsys, 2, *broker, *gallery, *absent)


def test_a_fingerprint_brings_the_thresholds_of_its_encoder() -> None:
    manifest, here = load_manifest(), "osnet_x0_25_cuhk03"
    expected = encoder_of(load_config(None, {"encoder.model": here}))
    assert expected[0] == here
    hashes = [manifest.get(name).sha256 for name in (here, f"{here}_onnx")]
    for fingerprint in (here, *hashes):
        given = {"central.fingerprint": fingerprint, "encoder.model": here}
        space, config = encoder_of(load_config(None, given))
        assert (space, config.match) == (here, expected[1].match)
    other, config = encoder_of(load_config(None, {"central.fingerprint": MODEL}))
    assert other == MODEL
    assert config.match != expected[1].match


def test_a_broker_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("nats")
    words = ["--broker", f"nats://me:s3cret@127.0.0.1:{free_port()}", "--site", "hall"]
    words += ["--gallery", str(tmp_path / "g.sqlite"), "--fingerprint", MODEL]
    words += ["--set", "transport.timeout_s=0.5"]
    said = refusal(capsys, 2, *words)
    assert "s3cret" not in said
    words[1] = f"nats://127.0.0.1:{free_port()}"
    assert words[1] in refusal(capsys, 1, *words)


def test_a_gallery_of_another_encoder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "g.sqlite"
    rows = look(0, np.random.default_rng(0))
    with EmbeddedStore(path) as store:
        store.write([SightingRecord("a", 1, "door", "", 0, 1, rows, 1.0, "cd" * 32)])
    words = ["--broker", f"nats://127.0.0.1:{free_port()}", "--site", "hall"]
    said = refusal(capsys, 1, *words, "--gallery", str(path), "--fingerprint", MODEL)
    assert "cdcdcdcdcdcdcdcd" in said
    assert "another gallery" in said


def test_help_has_commands_to_copy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["central", "--help"])
    assert ended.value.code == 0
    assert "reid-track central --broker nats://" in capsys.readouterr().out


# --- what is ready-made ---------------------------------------------------------------------------

DEPLOY = ROOT / "configs" / "deploy"


def words_of(text: str) -> list[str]:
    """Return the arguments of `reid-track central` in a command."""
    return shlex.split(text.split("reid-track central", 1)[1])


def test_the_units_command_is_one() -> None:
    lines = (DEPLOY / "reid-track-central.service").read_text(encoding="utf-8").splitlines()
    (command,) = [line for line in lines if line.startswith("ExecStart=")]
    arguments = parser_of("central").parse(words_of(command))
    assert (arguments.config, arguments.status) == ("/etc/reid/central.yaml", "127.0.0.1:9101")
    assert {"Type=notify", "WatchdogSec=60", "SuccessExitStatus=143"} <= set(lines)


def test_compose_file() -> None:
    services = read_yaml(DEPLOY / "compose.yaml")["services"]
    assert set(services) == {"nats", "postgres", "central"}
    arguments = parser_of("central").parse(words_of(services["central"]["command"][-1]))
    assert getattr(arguments, "transport.address") == "nats://nats:4222"
    assert getattr(arguments, "gallery.address") == "postgresql://reid@postgres/people"
    assert services["nats"]["ports"] == ["127.0.0.1:4222:4222"]  # no TLS: not for others
    assert services["nats"]["command"] == ["-c", "/etc/nats-compose.conf"]
    assert "\njetstream {" in (DEPLOY / "nats-compose.conf").read_text()
