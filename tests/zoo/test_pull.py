"""Downloads from a server on this machine, which behaves well, badly, or not at all."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reid_tracker import zoo
from reid_tracker.errors import ConfigError, WeightsError
from reid_tracker.zoo import download
from tests.conftest import ROOT
from tests.zoo.samples import archive, entry, manifest_of, sha256, write_manifest
from tests.zoo.server import Behaviour, serving

FILE = archive()
OLD_PICKLE = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(1000)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "BACK_OFF_S", 0.0)
    monkeypatch.setattr(download, "TIMEOUT_S", 5.0)


@pytest.fixture
def server() -> Iterator[Behaviour]:
    with serving(FILE) as behaviour:
        yield behaviour


class Case:
    """One entry, and pulling it."""

    def __init__(self, folder: Path, downloads: Path, url: str, **more: Any) -> None:
        self.manifest = manifest_of(folder / "shipped", entry(url=url, **more))
        self.path = downloads / self.manifest.entries[0].file
        self.part = self.path.with_name(f"{self.path.name}.part")

    def pull(self, progress: zoo.Progress | None = None) -> Path:
        return zoo.pull("tiny", progress, self.manifest)

    def refuses(self, *fragments: str) -> None:
        with pytest.raises(WeightsError) as caught:
            self.pull()
        message = str(caught.value)
        assert "\n" not in message
        for fragment in ("tiny", *fragments):
            assert fragment in message, message
        assert not self.path.exists()

    @property
    def left(self) -> set[str]:
        """Names of the files beside the model, less the locks."""
        names = {path.name for path in self.path.parent.iterdir()}
        return names - {f".{self.path.name}.lock", ".pins.json.lock"}


@pytest.fixture
def case(tmp_path: Path, own_downloads: Path, server: Behaviour) -> Case:
    return Case(tmp_path, own_downloads, server.url)


def checked(tmp_path: Path, downloads: Path, server: Behaviour, **more: Any) -> Case:
    return Case(tmp_path, downloads, server.url, sha256=sha256(FILE), **more)


# --- a good server ---------------------------------------------------------------------------


def test_download(case: Case, server: Behaviour) -> None:
    steps: list[tuple[int, int | None]] = []
    path = case.pull(lambda received, total: steps.append((received, total)))
    assert path == case.path
    assert path.read_bytes() == FILE
    assert steps[-1] == (len(FILE), len(FILE))
    assert [received for received, _ in steps] == sorted(received for received, _ in steps)
    assert case.left == {"tiny.pt", "pins.json"}
    assert server.seen[0]["User-Agent"].startswith("reid-tracker/")


def test_what_is_here_is_not_asked_for_again(case: Case, server: Behaviour) -> None:
    assert case.pull() == case.pull()
    assert len(server.seen) == 1


def test_size_is_not_announced(case: Case, server: Behaviour) -> None:
    server.no_length = True
    assert case.pull().read_bytes() == FILE


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


# --- cut off and resumed ---------------------------------------------------------------------


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


def test_version_that_changes_unmarked_is_fetched_anew(
    tmp_path: Path, own_downloads: Path, server: Behaviour
) -> None:
    """The server gives no mark of the version; the checksum tells, and one more try is made."""
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


def test_killed_process_resumes(tmp_path: Path, own_downloads: Path, server: Behaviour) -> None:
    """SIGKILL in the middle of a slow download leaves a part, and no file that looks whole."""
    case = Case(tmp_path, own_downloads, server.url)
    server.announce = len(FILE)
    code = f"""
import time
from reid_tracker import zoo
def slow(received, total):
    print(received, flush=True)
    time.sleep(60)
zoo.pull("tiny", slow, zoo.load_manifest({str(tmp_path / "shipped" / "manifest.yaml")!r}))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    received = int(process.stdout.readline())
    process.kill()
    process.wait(timeout=20)
    process.stdout.close()
    assert zoo.find("tiny", case.manifest) is None
    assert case.part.stat().st_size == received < len(FILE)
    server.announce = None
    assert case.pull().read_bytes() == FILE
    assert server.seen[-1]["Range"] == f"bytes={received}-"


# --- a bad server ----------------------------------------------------------------------------


def test_announces_too_much(case: Case, server: Behaviour) -> None:
    """It says 1000 bytes more than it has; what came is never taken for whole."""
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
    with pytest.raises(WeightsError, match="no model"):
        case.pull(lambda received, _: steps.append(received))
    assert steps == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
def test_web_page(kind: str, case: Case, server: Behaviour) -> None:
    server.content, server.kind = b"\n <!DOCTYPE html><title>Quota exceeded</title>", kind
    case.refuses("web page")
    assert "tiny.pt.part" not in case.left or case.part.stat().st_size == 0


def test_wrong_checksum(tmp_path: Path, own_downloads: Path, server: Behaviour) -> None:
    case = checked(tmp_path, own_downloads, server)
    server.content = archive(seed=1)
    case.refuses(sha256(FILE), sha256(server.content), "as published")
    assert case.left == set()


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
def test_redirection_to_what_is_not_secure(target: str, case: Case, server: Behaviour) -> None:
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


# --- no server -------------------------------------------------------------------------------


def closed_url() -> str:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/model.pt"


def test_offline_is_told_at_once(
    tmp_path: Path, own_downloads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "BACK_OFF_S", 60.0)
    case = Case(tmp_path, own_downloads, closed_url())
    case.refuses("could not be downloaded", "refused", f"put it at {case.path}")

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


def test_placed_by_hand(tmp_path: Path, own_downloads: Path) -> None:
    case = Case(tmp_path, own_downloads, closed_url())
    own_downloads.mkdir(parents=True)
    case.path.write_bytes(FILE)
    assert case.pull() == case.path
    assert case.left == {"tiny.pt", "pins.json"}
    case.path.write_bytes(archive(seed=1))
    with pytest.raises(WeightsError, match="another file"):
        case.pull()


def test_garbage_placed_by_hand(tmp_path: Path, own_downloads: Path) -> None:
    case = Case(tmp_path, own_downloads, closed_url())
    own_downloads.mkdir(parents=True)
    case.path.write_bytes(b"garbage" * 10)
    with pytest.raises(WeightsError, match=r"tiny\.pt: what came is no model"):
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


# --- pins ------------------------------------------------------------------------------------


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


# --- shipped files, and all of them ----------------------------------------------------------


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
    assert "no model" in wrong["byhand"]
