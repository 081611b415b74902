"""Downloads from a server on this machine that behaves well, badly, or not at all."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reid_tracker import zoo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.zoo import download
from tests.conftest import ROOT
from tests.waiting import PATIENCE_S
from tests.zoo.samples import (
    FILE,
    Case,
    archive,
    checked,
    closed_url,
)
from tests.zoo.server import Behaviour, serving

# --- a good server


def test_download(case: Case, server: Behaviour) -> None:
    steps: list[tuple[int, int | None]] = []
    path = case.pull(lambda received, total: steps.append((received, total)))
    assert path == case.path
    assert path.read_bytes() == FILE
    assert steps[-1] == (len(FILE), len(FILE))
    assert [received for received, _ in steps] == sorted(received for received, _ in steps)
    assert case.left == {"tiny.pt", "pins.json"}
    assert server.seen[0]["User-Agent"].startswith("reid-tracker/")


def test_size_is_not_announced(case: Case, server: Behaviour) -> None:
    server.no_length = True
    assert case.pull().read_bytes() == FILE


# --- cut off and resumed


def test_cut_off_is_resumed(case: Case, server: Behaviour) -> None:
    server.cut_after, server.cuts = 70_000, 3
    assert case.pull().read_bytes() == FILE
    assert [seen.get("Range") for seen in server.seen] == [
        None,
        "bytes=70000-",
        "bytes=140000-",
        "bytes=210000-",
    ]
    assert server.seen[1]["If-Range"] == '"v1"'


def test_cut_off_for_ever_keeps_the_part_and_the_next_run_resumes(
    case: Case, server: Behaviour
) -> None:
    server.cut_after, server.cuts = 30_000, 5
    case.refuses("cut off 5 times", "run it again")
    assert case.part.stat().st_size == 150_000
    assert case.pull().read_bytes() == FILE
    assert server.seen[-1]["Range"] == "bytes=150000-"
    assert case.left == {"tiny.pt", "pins.json"}


def test_server_that_ignores_ranges(case: Case, server: Behaviour) -> None:
    server.cut_after, server.cuts, server.ranges = 70_000, 2, False
    assert case.pull().read_bytes() == FILE


def test_server_that_continues_elsewhere(case: Case, server: Behaviour) -> None:
    server.cut_after, server.cuts, server.wrong_range = 70_000, 1, True
    assert case.pull().read_bytes() == FILE
    assert [("Range" in seen) for seen in server.seen] == [False, True, False]


def test_version_that_changes_between_runs_is_never_mixed(case: Case, server: Behaviour) -> None:
    server.cut_after, server.cuts = 30_000, 5
    case.refuses("cut off")
    server.content, server.etag = archive(seed=1), '"v2"'
    assert case.pull().read_bytes() == server.content


def test_version_that_changes_without_a_mark_is_downloaded_again(
    tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    """Without a version, the checksum shows the change, and the download is repeated."""
    server.etag, server.content = None, archive(seed=1)
    server.cut_after, server.cuts = 30_000, 5
    case = checked(tmp_path, own_downloads, server)
    case.refuses("cut off")
    server.content = FILE
    assert case.pull().read_bytes() == FILE
    assert [("Range" in seen) for seen in server.seen[5:]] == [True, False]


@pytest.mark.parametrize("same", [True, False])
def test_part_that_is_complete_already(case: Case, server: Behaviour, same: bool) -> None:
    """Killed between the last byte and the new name: the server answers 416."""
    server.cut_after, server.cuts = 30_000, 5
    case.refuses("cut off")
    case.part.write_bytes(FILE if same else FILE + b"more")
    assert case.pull().read_bytes() == FILE
    assert len(server.seen) == 5 + (1 if same else 2)


def test_part_of_unknown_origin_is_not_used(case: Case, server: Behaviour) -> None:
    case.path.parent.mkdir(parents=True)
    case.part.write_bytes(b"anything")
    assert case.pull().read_bytes() == FILE
    assert "Range" not in server.seen[0]


def test_download_resumes_after_a_kill(
    tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    """SIGKILL in the middle of a slow download leaves a part, and no file that looks whole."""
    case = Case(tmp_path, own_downloads, server.url)
    server.announce = len(FILE)
    code = f"""
import signal
from reid_tracker import zoo
def slow(received, total):
    print(received, flush=True)
    signal.pause()
zoo.pull("tiny", slow, zoo.load_manifest({str(tmp_path / "shipped" / "manifest.yaml")!r}))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    received = int(process.stdout.readline())
    process.kill()
    process.wait(timeout=PATIENCE_S)
    process.stdout.close()
    assert zoo.locate(case.manifest.get("tiny"), case.manifest) is None
    assert case.part.stat().st_size == received < len(FILE)
    server.announce = None
    assert case.pull().read_bytes() == FILE
    assert server.seen[-1]["Range"] == f"bytes={received}-"


# --- a bad server


def test_announces_too_much(case: Case, server: Behaviour) -> None:
    """It announces 1000 bytes too many; the received part never counts as complete."""
    server.announce, server.ranges = len(FILE) + 1000, False
    case.refuses(f"announced {len(FILE) + 1000} bytes and sent {len(FILE)}")


def test_announces_too_little(case: Case, server: Behaviour) -> None:
    server.announce = len(FILE) - 1000
    case.refuses("incomplete archive", "removed")
    assert case.left == set()


@pytest.mark.parametrize("difference", [-1000, 1000])
def test_announces_another_size_than_published(
    difference: int, tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    case = Case(tmp_path, own_downloads, server.url, size_bytes=len(FILE) + difference)
    case.refuses(f"expected {len(FILE) + difference} bytes", f"announces {len(FILE)}")
    assert len(server.seen) == 1


@pytest.mark.parametrize("difference", [-1000, 1000])
def test_sends_another_size_than_published(
    difference: int, tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    server.no_length = True
    case = Case(tmp_path, own_downloads, server.url, size_bytes=len(FILE) + difference)
    case.refuses(f"{len(FILE) + difference} bytes")
    assert case.left == set()


def test_never_fills_the_disk(
    case: Case, server: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "LARGEST_BYTES", 100_000)
    case.refuses("announces", "more than 1 GiB")
    server.no_length = True
    case.refuses("more than 100000 bytes")
    assert case.left == set()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"garbage" * 10_000,
        b"PK\x03\x04" + b"garbage" * 10_000,
        FILE[:-1000],
        FILE[:100_000] + b"!" + FILE[100_001:],
    ],
)
def test_garbage(content: bytes, case: Case, server: Behaviour) -> None:
    server.content = content
    case.refuses(server.url)
    assert case.left == set()


def test_garbage_is_stopped_at_its_start(case: Case, server: Behaviour) -> None:
    server.content = b"garbage!" * 1_000_000
    steps: list[int] = []
    with pytest.raises(WeightsError, match="not a model"):
        case.pull(lambda received, _: steps.append(received))
    assert steps == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_web_page(kind: str, case: Case, server: Behaviour) -> None:
    server.content, server.kind = b"\n <!DOCTYPE html><title>Quota exceeded</title>", kind
    case.refuses("web page")
    assert "tiny.pt.part" not in case.left or case.part.stat().st_size == 0


@pytest.mark.parametrize("code", [403, 404, 410])
def test_refusals_are_not_repeated(code: int, case: Case, server: Behaviour) -> None:
    server.statuses = [code] * 9
    case.refuses(str(code), server.url, str(case.path))
    assert len(server.seen) == 1


def test_overloaded_server(case: Case, server: Behaviour) -> None:
    server.statuses = [500, 503, 429, 502]
    assert case.pull().read_bytes() == FILE
    server.statuses = [503] * 9
    case.path.unlink()
    case.refuses("503", "5 times")
    assert len(server.seen) == 10


@pytest.mark.parametrize(
    "target", ["http://example.org/a.pt", "ftp://example.org/a", "file:///etc/passwd"]
)
def test_redirection_to_an_insecure_address(target: str, case: Case, server: Behaviour) -> None:
    server.redirect = target
    case.refuses("edirect", target)


def test_step_down_from_https_is_refused() -> None:
    import urllib.request

    request = urllib.request.Request("https://example.org/a.pt")
    with pytest.raises(ConfigError, match="expected https, as before"):
        download._CarefulRedirects().redirect_request(
            request, None, 302, "Found", {}, "http://127.0.0.1/a.pt"
        )


def test_redirection_is_followed(case: Case, server: Behaviour) -> None:
    with serving(FILE) as other:
        server.redirect = other.url
        assert case.pull().read_bytes() == FILE


def test_redirection_in_a_circle(case: Case, server: Behaviour) -> None:
    server.redirect = server.url
    case.refuses("302")


# --- no server


def test_offline_is_reported_at_once(
    tmp_path: Path, own_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BACK_OFF_S", 60.0)
    case = Case(tmp_path, own_downloads, closed_url())
    case.refuses("could not be downloaded", "refused", f"put the file at {case.path}")

    def no_names(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "create_connection", no_names)
    case.refuses("offline")


def test_silent_server_times_out(
    tmp_path: Path, own_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/model.pt"
        start = time.monotonic()
        Case(tmp_path, own_downloads, url).refuses("no answer in 0.2 s")
        assert time.monotonic() - start < 5
