"""Identities in the files of a camera host, with a real broker and a real centre."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.cli.main import main
from tests.cli.observer import Key
from tests.cli.runs import long_walk
from tests.cli.site import Program, Site, write_people
from tests.conftest import write_detections
from tests.video.rtsp import need_server, write_scene

START = ("--start-time", "2026-11-24T18:30Z")
TEXTS = ("--no-save-video", "--save-csv")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def frames(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """Return all lines of JSON lines files, of all folders below one."""
    paths = sorted(folder.glob(f"*/{pattern}"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def who(lines: list[dict[str, Any]]) -> dict[tuple[str, int], set[int | None]]:
    """Return the identities of each tracklet in the rows, by camera and track."""
    found: dict[tuple[str, int], set[int | None]] = {}
    for line in lines:
        for track in line["tracks"]:
            found.setdefault((line["camera"], track["id"]), set()).add(track["identity"])
    return found


def told(site: Site, boot: str | None = None) -> set[tuple[str, int]]:
    """Return the tracklets that were reported to the centre."""
    return {(camera, track) for _, start, camera, track in keys(site) if boot in {None, start}}


def keys(site: Site) -> set[Key]:
    site.observer.take(0.5)
    return {one.key for one in site.observer.tracklets}


@pytest.mark.long
def test_rows_of_two_files_end_with_the_identities_of_the_gallery(
    site: Site, tmp_path: Path
) -> None:
    clip = write_people(tmp_path / "clip.mp4")
    (tmp_path / "other.mp4").write_bytes(clip.read_bytes())
    cameras = site.cameras("list", {"a": str(clip), "b": str(tmp_path / "other.mp4")})
    central = site.central()
    out = tmp_path / "out"
    words = (*START, "-o", str(out), "--save-csv", "--save-parquet", "--set", "edge.settle_s=60")
    edge = site.edge(cameras, *words)
    assert edge.stop(0) == 0  # signal 0 does nothing: the host ends by itself
    final = who(frames(out, "*_global.jsonl"))
    gallery = site.check_gallery(central)
    expected = {(camera, track): one.identity for (_, _, camera, track), one in gallery.items()}
    assert len(expected) > 5
    assert {member: final[member] for member in expected} == {
        member: {identity} for member, identity in expected.items()
    }
    # People who were not reported to the centre have no identity.
    assert all(final[member] == {None} for member in set(final) - set(expected))
    shared = {expected[m] for m in expected if m[0] == "a"} & {
        expected[m] for m in expected if m[0] == "b"
    }
    assert shared  # both cameras show the same people
    (folder,) = out.iterdir()
    assert {path.name for path in folder.iterdir()} == {
        *(f"{name}.{suffix}" for name in "ab" for suffix in ("mp4", "txt", "jsonl", "csv")),
        *(f"{name}_global.{suffix}" for name in "ab" for suffix in ("txt", "jsonl", "csv")),
        *("identities.jsonl", "sightings.parquet"),
    }


@pytest.mark.long
@pytest.mark.parametrize("broker", ["nats", "mqtt"])
def test_live_rows_show_identities_soon_and_when_they_were_taken(
    tmp_path: Path, broker: str
) -> None:
    need_server()
    (tmp_path / "site").mkdir()
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    out = tmp_path / "out"
    with Site(tmp_path / "site", broker) as site:
        camera = site.camera({"door": write_scene(tmp_path / "small.mp4")})
        site.central("--set", "match.patience_s=0.5")
        words = ("-o", str(out), "--save-csv", "--detector", str(detections))
        edge = site.edge(site.cameras("list", {"door": camera.url()}), *words)
        edge.until(
            lambda: any(
                track["identity"]
                for line in complete(out, "door.jsonl")
                for track in line["tracks"]
            ),
            "an identity in a row",
        )
        assert edge.metric("identities_known") > 0
        assert edge.health().get("identities") == "up"
        # The files are also completed after a signal.
        assert edge.stop() == 128 + signal.SIGTERM
    lines = frames(out, "door.jsonl")
    now_s = time.time()
    assert all(now_s - 300 < line["captured_s"] < now_s + 5 for line in lines)
    final = who(frames(out, "door_global.jsonl"))
    live = who(lines)
    assert any({None} < identities for identities in live.values())  # first unknown, then known
    for member, identities in live.items():
        if identities != {None}:
            assert len(final[member]) == 1
            assert final[member] != {None}


def complete(folder: Path, pattern: str) -> list[dict[str, Any]]:
    """Return the lines of files that are being written."""
    found = []
    for path in folder.glob(f"*/{pattern}"):
        found += [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    return found


@pytest.mark.long
def test_while_the_broker_is_away_the_ids_are_the_hosts_own_and_later_the_centres(
    site: Site, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    site.server.kill()
    video, *words = long_walk(tmp_path, loops=2000)
    edge = site.edge(video, *words, "-o", str(out), *TEXTS, *START)
    edge.until(lambda: len(complete(out, "walk.jsonl")) > 200, "rows without a broker")
    assert edge.health().get("identities", "up") != "up"
    before = who(complete(out, "walk.jsonl"))
    assert set.union(*before.values()) == {None}
    site.server.start()
    site.central()
    edge.until(lambda: edge.metric("identities_known") >= len(before), "identities")
    assert edge.stop() == 128 + signal.SIGTERM
    final = who(frames(out, "walk_global.jsonl"))
    named = [member for member in before if final[member] != {None}]
    assert set(named) == set(before) & told(site)
    assert len(named) > 2


@pytest.mark.long
def test_what_the_centre_says_after_its_restart_is_heard(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    central = site.central()
    video, *words = long_walk(tmp_path, loops=2000)
    edge = site.edge(video, *words, "-o", str(out), *TEXTS, *START)
    edge.until(lambda: edge.metric("identities_known") >= 2, "identities")
    central.kill()
    before = who(complete(out, "walk.jsonl"))
    heard = edge.metric("identity_messages_total")
    central.start()
    edge.until(lambda: edge.metric("identity_messages_total") > heard, "its greeting, or more")

    def later() -> set[tuple[str, int]]:
        """Return the tracklets that began after the kill and have an identity in a row."""
        seen = who(complete(out, "walk.jsonl"))
        return {member for member in set(seen) - set(before) if seen[member] != {None}}

    edge.until(later, "an identity of somebody who came later")
    edge.until(
        lambda: 0 <= edge.metric("identities_awaited") <= 4, "names for those who came meanwhile"
    )
    named = later()
    assert edge.stop() == 128 + signal.SIGTERM
    final = who(frames(out, "walk_global.jsonl"))
    assert all(len(identities) == 1 for identities in final.values())
    assert all(final[member] != {None} for member in named)


@pytest.mark.long
def test_a_killed_hosts_text_is_finished_by_its_next_start(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    site.central()
    video, *words = long_walk(tmp_path, loops=2000)
    edge = site.edge(video, *words, "-o", str(out), *TEXTS, *START)
    edge.until(
        lambda: any(
            track["identity"] for line in complete(out, "walk.jsonl") for track in line["tracks"]
        ),
        "an identity in a row",
    )
    edge.kill()
    (killed,) = out.iterdir()
    assert not list(killed.glob("*_global*"))
    seen = who(complete(out, "walk.jsonl"))
    known = {member for member, identities in seen.items() if identities != {None}}
    assert known
    edge.start()
    finished = [killed / f"walk_global.{suffix}" for suffix in ("txt", "jsonl", "csv")]
    edge.until(lambda: all(path.exists() for path in finished), "the final form")
    assert edge.stop() == 128 + signal.SIGTERM
    assert len(list(out.iterdir())) == 2
    lines = [json.loads(line) for line in finished[1].read_text().splitlines()]
    final = who(lines)
    assert all(len(identities) == 1 for identities in final.values())
    assert all(final[member] != {None} for member in known)


@pytest.mark.long
def test_files_are_begun_anew_and_deleted(site: Site, tmp_path: Path) -> None:
    need_server()
    out = tmp_path / "out"
    detections = write_detections(tmp_path / "det.txt", frames=5000)
    camera = site.camera({"door": write_scene(tmp_path / "small.mp4")})
    site.central()
    words = ("-o", str(out), "--detector", str(detections), "--rotate-h", str(4 / 3600))
    edge = site.edge(
        site.cameras("list", {"door": camera.url()}),
        *(*words, "--delete-after-h", str(30 / 3600), "--set", "edge.settle_s=3"),
    )
    edge.until(lambda: out.exists() and list(out.iterdir()), "a first folder")
    first = min(out.iterdir())
    edge.until((first / "door_global.txt").exists, "final files")
    edge.until(lambda: not first.exists(), "its deletion")
    assert len(list(out.iterdir())) < 20
    assert edge.stop() == 128 + signal.SIGTERM
    assert not [line for line in edge.lines if "Traceback" in line]


@pytest.mark.long
def test_without_identities_nothing_is_asked_of_the_broker(site: Site, tmp_path: Path) -> None:
    out = tmp_path / "out"
    video, *words = long_walk(tmp_path, loops=2)
    edge: Program = site.edge(video, *words, "-o", str(out), *TEXTS, *START, "--no-identities")
    assert edge.stop(0) == 0
    (folder,) = out.iterdir()
    assert {path.name for path in folder.iterdir()} == {"walk.txt", "walk.jsonl", "walk.csv"}
    assert all(
        "identity" not in track for line in frames(out, "walk.jsonl") for track in line["tracks"]
    )


def test_options_of_files_need_a_folder(
    walkers: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(walkers[0]), "--broker", "nats://127.0.0.1:1", "--site", "north"]
    for option, value in (("--no-save-video", ""), ("--rotate-h", "2"), ("--identities", "")):
        assert main(["edge", *words, option, *filter(None, [value])]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "add --output FOLDER" in line
    (tmp_path / "file").write_text("")
    words += ["--detector", str(walkers[1]), "--device", "cpu"]
    assert main(["edge", *words, "--output", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err
