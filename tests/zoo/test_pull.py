"""Pulling models: checksums, pins, shipped files, and files copied by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from reid_tracker import zoo
from reid_tracker.errors import WeightsError
from tests.zoo.samples import (
    FILE,
    Case,
    archive,
    checked,
    closed_url,
    entry,
    manifest_of,
    sha256,
)
from tests.zoo.server import Behaviour

OLD_PICKLE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(1000)


def test_existing_files_are_not_downloaded_again(case: Case, server: Behaviour) -> None:
    assert case.pull() == case.pull()
    assert len(server.seen) == 1


def test_published_checksum_needs_no_pin(
    tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    case = checked(tmp_path, own_downloads, server, size_bytes=len(FILE))
    case.pull()
    assert case.left == {"tiny.pt"}


@pytest.mark.parametrize(("file", "content"), [("a.pth", OLD_PICKLE), ("a.onnx", b"\x08\x07" * 50)])
def test_other_kinds_of_model(
    file: str, content: bytes, tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    server.content = content
    case = Case(tmp_path, own_downloads, server.url, file=file)
    assert case.pull().read_bytes() == content


def test_wrong_checksum(tmp_path: Path, own_downloads: Path, server: Behaviour) -> None:
    case = checked(tmp_path, own_downloads, server)
    server.content = archive(seed=1)
    case.refuses(sha256(FILE), sha256(server.content), "as published")
    assert case.left == set()


def test_placed_by_hand(tmp_path: Path, own_downloads: Path) -> None:
    case = Case(tmp_path, own_downloads, closed_url())
    own_downloads.mkdir(parents=True)
    case.path.write_bytes(FILE)
    assert case.pull() == case.path
    assert case.left == {"tiny.pt", "pins.json"}
    case.path.write_bytes(archive(seed=1))
    with pytest.raises(WeightsError, match="not the expected file"):
        case.pull()


def test_garbage_placed_by_hand(tmp_path: Path, own_downloads: Path) -> None:
    case = Case(tmp_path, own_downloads, closed_url())
    own_downloads.mkdir(parents=True)
    case.path.write_bytes(b"garbage" * 10)
    with pytest.raises(WeightsError, match=r"tiny\.pt: not a model file"):
        case.pull()


def test_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path / "file"))
    case = Case(tmp_path, tmp_path / "file" / "weights", closed_url())
    with pytest.raises(WeightsError, match="REID_TRACKER_HOME"):
        case.pull()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_two_processes_do_not_share_a_part(case: Case) -> None:
    import fcntl

    case.path.parent.mkdir(parents=True)
    with (case.path.parent / ".tiny.pt.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        case.refuses("another process")
    assert case.pull().read_bytes() == FILE


def test_first_download_is_pinned_and_another_one_refused(case: Case, server: Behaviour) -> None:
    case.pull()
    pins = json.loads((case.path.parent / "pins.json").read_text())
    assert pins == {"tiny": {"sha256": sha256(FILE), "size_bytes": len(FILE)}}
    case.path.unlink()
    server.content = archive(seed=1)  # of the same size
    case.refuses(sha256(FILE), sha256(server.content), "pins.json")
    server.content = archive(1000)
    case.refuses(f"expected {len(FILE)} bytes")
    server.content = FILE
    case.pull()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"tiny": 3}', '{"tiny": {"sha256": "x"}}'])
def test_damaged_pins(text: str, case: Case) -> None:
    case.path.parent.mkdir(parents=True)
    (case.path.parent / "pins.json").write_text(text)
    with pytest.raises(WeightsError, match=r"pins\.json is damaged"):
        case.pull()


def test_shipped(tmp_path: Path, own_downloads: Path) -> None:
    manifest = manifest_of(tmp_path, entry("own", sha256=sha256(FILE)))
    with pytest.raises(WeightsError, match="install reid-tracker again"):
        zoo.pull("own", manifest=manifest)
    (tmp_path / "own.pt").write_bytes(FILE)
    assert zoo.pull("own", manifest=manifest) == tmp_path / "own.pt"
    (tmp_path / "own.pt").write_bytes(FILE + b"!")
    with pytest.raises(WeightsError, match="install reid-tracker again"):
        zoo.pull("own", manifest=manifest)
    assert not own_downloads.exists()
