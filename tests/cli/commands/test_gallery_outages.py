"""Galleries that are away, full, damaged or in use during real runs."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.open import open_gallery
from tests.cli.runs import Run, long_walk
from tests.conftest import FRAMES, write_detections, write_video
from tests.match.gallery.samples import identities
from tests.match.gallery.server import Server, start_or_skip
from tests.waiting import freeze

pytestmark = pytest.mark.timeout(600)

Start = Callable[[list[str]], Run]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts runs, and ends those that a failed test leaves behind."""
    runs: list[Run] = []

    def started(words: list[str]) -> Run:
        runs.append(Run(words))
        return runs[-1]

    yield started
    for run in runs:
        run.kill()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start_or_skip()
    yield server
    server.stop()


@pytest.fixture
def database(server: Server) -> str:
    """The address of an empty database for this test."""
    return server.new_database()


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two people who walk for longer than any test waits."""
    return long_walk(tmp_path_factory.mktemp("walk"), loops=500)


@pytest.fixture(scope="module")
def late_walk(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The same, but nobody appears in the first minutes."""
    return long_walk(tmp_path_factory.mktemp("late"), loops=500, empty_frames=60 * FRAMES)


def read_lines(path: Path) -> list[dict[str, object]]:
    """Return the complete lines of a file that may still grow or not exist yet."""
    if not path.exists():
        return []
    return [
        json.loads(line) for line in path.read_text().splitlines(keepends=True) if line[-1:] == "\n"
    ]


def first_run(folder: Path, gallery: str) -> None:
    """Store the two walkers in the gallery, as 1 and 2."""
    video = write_video(folder / "first.mp4")
    detections = write_detections(folder / "first_det.txt")
    words = [str(video), "--detector", str(detections), "--gallery", gallery, "--device", "cpu"]
    run = Run([*words, "-o", str(folder / "first"), "--no-save-video"])
    assert run.end(None) == 0, run.lines
    with open_gallery(gallery) as store:
        assert set(identities(store).values()) == {1, 2}


def stored_as_published(gallery: str, out: Path) -> dict[str, int]:
    """Return the stored sightings of a run; check that their identities are the final ones."""
    published: dict[tuple[str, int], int] = {}
    for event in read_lines(out / "identities.jsonl"):
        for member in event["members"]:  # type: ignore[attr-defined]
            published[member["camera"], member["track"]] = int(event["identity"] or 0)  # type: ignore[call-overload]
    with open_gallery(gallery) as store:
        found = {name: one for name, one in identities(store).items() if "/walk/" in name}
    for name, identity in found.items():
        _, camera, track = name.split("/")
        assert identity == published.get((camera, int(track)), 0), name
    assert found
    return found


@pytest.mark.long
@pytest.mark.parametrize("outage", ["killed", "frozen"])
def test_a_database_that_goes_away_and_returns(
    outage: str,
    server: Server,
    database: str,
    late_walk: list[str],
    tmp_path: Path,
    start: Start,
) -> None:
    first_run(tmp_path, database)
    out = tmp_path / "out"
    run = start([*late_walk, "--gallery", database, "-o", str(out), "--no-save-video"])
    run.until(lambda: read_lines(out / "walk.jsonl"), "the first frame")
    # Held while the database goes, so that nobody is seen before it is gone.
    freeze(run.pid)
    assert not read_lines(out / "walk.jsonl")[-1]["tracks"]
    server.kill() if outage == "killed" else server.freeze()
    run.send(signal.SIGCONT)
    try:
        # Both have numbers of their own, though the gallery cannot say who they are.
        run.until(lambda: len(read_lines(out / "identities.jsonl")) >= 2, "two identities")
        run.until_said("is not available")
        seen = len(read_lines(out / "walk.jsonl"))
        run.until(lambda: len(read_lines(out / "walk.jsonl")) > seen + 10 * FRAMES, "more frames")
    finally:
        server.start() if outage == "killed" else server.thaw()
    early = [event["identity"] for event in read_lines(out / "identities.jsonl")[:2]]
    assert not {1, 2} & set(early)

    run.until_said("is back")

    def known_again() -> bool:
        merges = [one for one in read_lines(out / "identities.jsonl") if one["kind"] == "merge"]
        return {1, 2} <= {one["identity"] for one in merges}

    run.until(known_again, "both are known again")
    assert run.end() == 130, run.lines
    assert set(stored_as_published(database, out).values()) - {0} == {1, 2}
    assert sum("is not available" in line for line in run.lines) == 1
    assert not any("Traceback" in line for line in run.lines)


@pytest.mark.slow
def test_a_database_still_away_at_the_end(
    server: Server, database: str, walk: list[str], tmp_path: Path, start: Start
) -> None:
    words = [*walk, "--gallery", database, "-o", str(tmp_path / "out"), "--no-save-video"]
    run = start([*words, "--set", "gallery.max_waiting=1"])
    run.until(lambda: read_lines(tmp_path / "out" / "identities.jsonl"), "the first identity")
    server.kill()
    try:
        run.until_said("the oldest are dropped")
        assert run.end() == 130
    finally:
        server.start()
    said = "\n".join(run.lines)
    assert (
        "records were dropped while the gallery was unavailable (gallery.max_waiting = 1)" in said
    )
    assert "records could not be stored" in said
    assert "Traceback" not in said


@pytest.mark.long
def test_a_database_that_was_emptied_does_not_end_the_run(
    server: Server, database: str, tmp_path: Path, start: Start
) -> None:
    psycopg = pytest.importorskip("psycopg")
    words = long_walk(tmp_path, loops=40)
    out = tmp_path / "out"
    run = start([*words, "--gallery", database, "-o", str(out), "--no-save-video"])
    run.until(lambda: read_lines(out / "identities.jsonl"), "the first identity")
    freeze(run.pid)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '30s'")
        connection.execute("DROP SCHEMA reid_gallery CASCADE")
    assert len(read_lines(out / "walk.jsonl")) < 40 * FRAMES
    run.send(signal.SIGCONT)
    assert run.end(None) == 1
    assert len(read_lines(out / "walk.jsonl")) == 40 * FRAMES
    assert any("tracking continues, nothing more is stored" in line for line in run.lines)
    assert run.lines[-1].startswith("reid-track: error: the gallery postgresql://")


@pytest.mark.slow
def test_a_second_run_on_a_file(walk: list[str], tmp_path: Path, start: Start) -> None:
    gallery = str(tmp_path / "gallery.sqlite")
    first = start([*walk, "--gallery", gallery, "-o", str(tmp_path / "a"), "--no-save-video"])
    first.until(lambda: read_lines(tmp_path / "a" / "walk.jsonl"), "the first frame")
    second = start([*walk, "--gallery", gallery, "-o", str(tmp_path / "b"), "--quiet"])
    assert second.end(None) == 1
    (line,) = second.lines
    assert line.startswith("reid-track: error: ")
    assert "in use by another process" in line
    assert not list((tmp_path / "b").glob("*.*"))
    assert first.end() == 130
    with EmbeddedStore(gallery, create=False) as store:
        assert store.info().next_identity > 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is set by Linux's prlimit")
def test_a_full_disk(walk: list[str], tmp_path: Path, start: Start) -> None:
    """A limit on file sizes acts like a full disk for this process alone."""
    import resource

    gallery, out = tmp_path / "gallery.sqlite", tmp_path / "out"
    nothing_else = ["--no-save-video", "--no-save-mot", "--no-save-jsonl"]
    run = start([*walk, "--gallery", str(gallery), "-o", str(out), *nothing_else])
    log = gallery.with_name("gallery.sqlite-wal")

    def stored() -> int:
        return log.stat().st_size if log.exists() else 0

    run.until(lambda: stored() > 100_000, "some sightings")
    free = resource.prlimit(run.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (stored(), free[1]))
    run.until_said("tracking continues, records are kept and stored later")
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, free)
    run.until_said("is back")
    assert run.end() == 130, run.lines
    with EmbeddedStore(gallery, create=False) as store:
        spans = [(one.start_s, one.end_s) for one in store.sightings()]
    # No sighting in between is missing: the walkers are never away for long.
    reached = spans[0][1]
    for begin, end in spans:
        assert begin - reached < 2 * FRAMES / 10
        reached = max(reached, end)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [(b"garbage" * 5000, "is damaged"), (b"SQLite format 3\0" + b"\7" * 5000, "is damaged")],
)
def test_a_damaged_file(
    content: bytes, message: str, walk: list[str], tmp_path: Path, start: Start
) -> None:
    gallery = tmp_path / "gallery.sqlite"
    gallery.write_bytes(content)
    run = start([*walk, "--gallery", str(gallery), "-o", str(tmp_path / "out"), "--quiet"])
    assert run.end(None) == 1
    (line,) = run.lines
    assert line.startswith("reid-track: error: ")
    assert message in line
    assert gallery.read_bytes() == content


@pytest.mark.slow
def test_no_server(walk: list[str], tmp_path: Path, start: Start) -> None:
    pytest.importorskip("psycopg")
    address = "postgresql://me:geheim@127.0.0.1:1/people"
    run = start([*walk, "--gallery", address, "-o", str(tmp_path / "out"), "--quiet"])
    assert run.end(None) == 1
    (line,) = run.lines
    assert "postgresql://127.0.0.1:1/people is not available" in line
    assert "geheim" not in line
