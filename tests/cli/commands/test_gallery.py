"""`reid-track gallery`: all actions and one-line errors."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from reid_tracker.cli.main import main
from reid_tracker.cli.options import default_gallery
from reid_tracker.errors import ConfigError
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord
from reid_tracker.run.moments import parse_age, parse_moment
from tests.match.gallery.holding import held
from tests.match.gallery.samples import MODEL, identities, sighting


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery of three people, one of them known by two numbers, named by the environment."""
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path) as store:
        store.write(
            [sighting("a", 1), sighting("b", 2, "yard"), sighting("c", 3), sighting("d", 4)],
            [EventRecord("m", "merge", 3, 0.0, (4,))],
            {"a": b"picture"},
        )
    monkeypatch.setenv("REID_TRACKER_GALLERY", str(path))
    return path


def run(*words: object) -> int:
    return main(["gallery", *map(str, words)])


def left(path: Path) -> dict[str, int]:
    with EmbeddedStore(path) as store:
        return identities(store)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("reid-track: error: ")
    return line


def test_info(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("info") == 0
    printed = capsys.readouterr().out
    for text in (str(path), "4 of 3 people", "1 pictures", "door, yard", MODEL, "person is 5"):
        assert text in printed
    assert run("info", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["sightings"] == 4
    assert data["cameras"] == ["door", "yard"]


@pytest.mark.slow
def test_a_gallery_that_a_run_holds_is_read(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = path.parent / "copy.jsonl"
    before = path.read_bytes()
    with held(path):
        assert run("info") == 0
        assert "5 of 4 people" in capsys.readouterr().out
        assert run("export", copy, "--crops") == 0
        assert main(["search", "77", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out.split("\n", 1)[1])
        assert row["sighting"] == "held"
        assert run("forget", 77) == 1
        assert "in use by another process" in error_line(capsys)
        assert path.read_bytes() == before  # the run has it in its log
    assert '"held"' in copy.read_text()
    assert left(path)["held"] == 77


def test_forget(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("forget", 1, 2) == 0
    assert capsys.readouterr().out.splitlines() == [
        "forgot 1: 1 sightings deleted",
        "forgot 2: 1 sightings deleted",
    ]
    assert left(path) == {"c": 3, "d": 3}
    assert run("info") == 0
    assert "forget 1: 1 sightings" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"), [((1, 99), "has no person 99"), ((1, 4), "same person as 3")]
)
def test_forget_nobody(
    path: Path, capsys: pytest.CaptureFixture[str], words: tuple[int, ...], message: str
) -> None:
    assert run("forget", *words) == 1
    assert message in error_line(capsys)
    assert len(left(path)) == 4


def test_purge(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("purge", "--older-than", "1h") == 0
    assert capsys.readouterr().out == "0 sightings deleted\n"
    assert run("purge", "--older-than", "0s") == 0
    assert capsys.readouterr().out == "4 sightings deleted\n"
    assert left(path) == {}
    assert run("purge", "--all", "--quiet") == 0
    assert capsys.readouterr().out == ""


def test_a_purge_by_age_is_refused_where_the_clock_may_be_ahead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.sqlite"
    with EmbeddedStore(path, clock=lambda: time.time() - 4 * 86_400) as store:
        store.write([sighting("a", 1)])
    purge = "purge", "--older-than", "72h", "--gallery", path
    assert run(*purge) == 1
    line = error_line(capsys)
    assert "last written 4.0 days ago by this machine's clock" in line
    assert "--clock-is-right" in line
    assert left(path) == {"a": 1}
    assert run(*purge, "--clock-is-right") == 0
    assert left(path) == {}
    assert run(*purge) == 0  # the gallery is empty now


def test_export_and_import(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy, new = tmp_path / "copy.jsonl.gz", tmp_path / "folder" / "new.sqlite"
    assert run("export", copy, "--crops") == 0
    assert run("import", copy, "--gallery", new) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{copy}: 4 sightings, 1 events, 1 pictures"
    assert second == f"{new}: 4 sightings, 1 events, 1 pictures"
    assert left(new) == left(path)
    assert run("import", copy) == 1
    assert "already" in error_line(capsys)
    assert run("export", copy) == 1
    assert "--overwrite" in error_line(capsys)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("info", "--gallery", "none.sqlite"), 1, "none.sqlite: no such gallery"),
        (("purge", "--older-than", "soon"), 2, "'soon' is not a valid age"),
        (("import", "none.jsonl"), 2, "no such file"),
        (("info", "--gallery", "ftp://me:geheim@host/x"), 2, "ftp://"),
        (("info", "--gallery", "postgresql://me:geheim@127.0.0.1:1/x"), 1, "127.0.0.1:1"),
    ],
)
def test_one_line(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    if "postgresql" in words[-1]:
        pytest.importorskip("psycopg")
    assert run(*words) == code
    line = error_line(capsys)
    assert message in line
    assert "geheim" not in line


@pytest.mark.parametrize("words", [["forget", "x"], ["forget", "0"], ["purge"], []])
def test_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*words)


def test_in_use(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedStore(path):
        assert run("forget", 1) == 1
    assert "in use by another process" in error_line(capsys)


def test_the_default_gallery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REID_TRACKER_HOME", str(tmp_path))
    monkeypatch.delenv("REID_TRACKER_GALLERY", raising=False)
    assert default_gallery() == str(tmp_path / "gallery.sqlite")
    monkeypatch.delenv("REID_TRACKER_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert default_gallery() == str(tmp_path / "data" / "reid_tracker" / "gallery.sqlite")


def test_ages_and_times() -> None:
    assert [parse_age(text) for text in ("2", "1.5h", "90m", "7d", "10 s")] == [
        7200,
        5400,
        5400,
        604800,
        10,
    ]
    assert parse_moment("2026-11-24T18:30:00Z") == parse_moment("2026-11-24T19:30:00+01:00")
    assert parse_moment("1700000000.5") == 1700000000.5
    assert abs(parse_moment("1h") - parse_moment("3600s")) < 60
    for text in ("", "x", "9" * 30, "-1", "1e5"):
        with pytest.raises(ConfigError, match="is not a valid age"):
            parse_age(text)
    for text in ("", "x", "2026-13-01", "nan", "2" * 400):
        with pytest.raises(ConfigError, match="is not a valid time"):
            parse_moment(text)
