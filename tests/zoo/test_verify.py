"""Verifying all models on this machine."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from reid_tracker import zoo
from tests.zoo.samples import (
    FILE,
    Case,
    entry,
    sha256,
    write_manifest,
)


def test_verify(case: Case, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        case.pull()
    assert "downloaded to" in caplog.text
    folder = tmp_path / "both"
    model = folder / "net_openvino_model"
    model.mkdir(parents=True)
    (model / "net.xml").write_text("<net/>")
    (model / "net.bin").write_bytes(b"\0")
    lines = f"{sha256(bytes(1))}  net.bin\n{sha256(b'<net/>')}  net.xml\n"
    url = case.manifest.entries[0].url
    manifest = zoo.load_manifest(
        write_manifest(
            folder,
            entry(url=url),
            entry("own", file="net_openvino_model", sha256=sha256(lines.encode())),
            entry("absent", sha256=sha256(b"")),
            entry("byhand", url=f"{url}x"),
        )
    )
    case.path.with_name("byhand.pt").write_bytes(FILE)
    found = {item.entry.name: (item.wrong, item.checked_by) for item in zoo.verify(manifest)}
    assert found == {
        "tiny": (None, "pinned"),
        "own": (None, "published"),
        "byhand": (None, "form"),
    }
    (model / "net.xml").write_text("<net></net>")
    case.path.write_bytes(FILE[:-1])
    case.path.with_name("byhand.pt").write_bytes(b"?")
    wrong = {item.entry.name: item.wrong or "" for item in zoo.verify(manifest)}
    assert sha256(FILE) in wrong["tiny"]
    assert sha256(lines.encode()) in wrong["own"]
    assert "not a model" in wrong["byhand"]
