"""`reid-track site`: printed lines, lines added to files, and refusals."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from reid_tracker.cli.main import main
from reid_tracker.transport.access import Host, mosquitto_user, nats_account


def run(*words: str) -> int:
    return main(["site", "add-host", *words])


def test_it_prints_what_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("edge1", "--site", "hall") == 0
    text = capsys.readouterr().out
    password = text.split("edge1:")[-1].strip()
    assert len(password) == 32
    assert nats_account(Host("hall", "edge1"), password) in text


def test_it_adds_hosts_to_private_files(tmp_path: Path) -> None:
    for name in ("edge1", "edge two"):
        assert run(name, "--site", "hall", "--folder", str(tmp_path)) == 0
    text = (tmp_path / "nats-hosts.conf").read_text()
    for user in ("edge1", "edge=20two"):
        secret = (tmp_path / f"{user}.credentials").read_text().strip()
        assert secret.split(":")[0] == user
        assert f'user: "{user}", password: "{secret.split(":")[1]}"' in text
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_passwords_as_mosquitto_writes_them(tmp_path: Path) -> None:
    words = ("edge1", "--site", "hall", "--broker", "mqtt", "--folder", str(tmp_path))
    assert run(*words) == 0
    user, _, password = (tmp_path / "edge1.credentials").read_text().strip().partition(":")
    name, _, entry = (tmp_path / "passwords").read_text().strip().partition(":")
    _, kind, rounds, salt, digest = entry.split("$")
    found = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
    assert (user, name, kind) == ("edge1", "edge1", "7")
    assert base64.b64encode(found).decode() == digest
    assert mosquitto_user(Host("hall", "edge1")) in (tmp_path / "mosquitto-acl.conf").read_text()
    bridge = (tmp_path / "edge1-bridge.conf").read_text()
    assert f"remote_password {password}\n" in bridge
    assert "CHANGE_ME" not in bridge


def test_a_host_is_added_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for broker in ("nats", "mqtt"):
        words = ("edge1", "--site", "hall", "--broker", broker, "--folder", str(tmp_path / broker))
        assert run(*words) == 0
        before = {path: path.read_text() for path in (tmp_path / broker).iterdir()}
        assert run(*words) == 2
        assert "already has a host edge1" in capsys.readouterr().err
        assert before == {path: path.read_text() for path in (tmp_path / broker).iterdir()}


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run("edge1", "--site", "hall", "--folder", str(tmp_path / "file")) == 1
    assert "choose another --folder" in capsys.readouterr().err
    assert run("x" * 500, "--site", "hall") == 2
