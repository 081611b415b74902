"""What counts as a credential, and what does not."""

from __future__ import annotations

import pytest

from reid_tracker.cli.redact import one_line, redact

SECRET = "s3cr3t"  # noqa: S105


@pytest.mark.parametrize(
    "text",
    [
        f"rtsp://user:{SECRET}@host/x",
        f"rtsp://user:{SECRET}@x@host/{SECRET}@y",
        f"rtsp:/user:{SECRET}@host",
        f"nats://{SECRET}@host:4222",
        f"user:{SECRET}@host/x",
        f"'user:{SECRET}'quote@host'",
        f"postgresql://user:{SECRET}@host/people",
        f"postgresql://host/people?user=u&password={SECRET}&sslmode=off",
        f"host=db user=u password='{SECRET} {SECRET}'",
        f"a.yaml is not YAML: password: {SECRET}",
        f"unknown option --password {SECRET}",
        f"--token={SECRET}",
        f"transport.credentials = 'user:{SECRET}': no such file",
        f"transport.credentials user:{SECRET}: No such file",
        f"secret = {SECRET}",
    ],
)
def test_hidden(text: str) -> None:
    assert SECRET not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "add --gallery postgresql://USER@HOST/DATABASE or --broker nats://127.0.0.1:4222",
        "postgresql://reid@db.example/people is away",
        "cam1.mp4@0:35: no such file",
        "transport.credentials /etc/reid/x: No such file or directory",
        "'a': expected key=value, e.g. tracker.max_age_s=2",
        "password: expected text",
        "tracker.max_age_s = 1: expected a number above 2",
    ],
)
def test_kept(text: str) -> None:
    assert redact(text) == text


def test_the_place_stays_readable() -> None:
    assert redact(f"nats://user:{SECRET}@host:4222 is away") == "nats://***@host:4222 is away"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("door\x1b[2J", r"door\x1b[2J"),
        ("door\x9b31m", r"door\x9b31m"),
        ("a\rb\x07\x7f", r"a\rb\x07\x7f"),
        ("gpj\u202eexe", r"gpj\u202eexe"),
        ("Tür 東", "Tür 東"),
    ],
)
def test_nothing_controls_the_terminal(text: str, shown: str) -> None:
    assert redact(text) == one_line(text) == shown


def test_a_name_cannot_forge_a_line_of_the_log() -> None:
    assert one_line("door\nreid-track: ERROR: forged\tx") == r"door\nreid-track: ERROR: forged\tx"
    assert redact("Traceback\n\tline") == "Traceback\n\tline"
