"""`reid-track search`: by identity number, by picture, and by a video frame."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from tests.cli.commands.search.searches import ENCODER, NOON, error_line, found, run
from tests.match.gallery.samples import identities


def test_where_a_number_has_been(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["sighting"] for row in found(capsys, 7)] == ["early", "merged", "late"]
    assert [row["camera"] for row in found(capsys, 7, "--camera", "yard", "--camera", "hall")] == [
        "hall",
        "yard",
    ]
    assert [row["sighting"] for row in found(capsys, 7, "--since", NOON + 11)] == ["merged", "late"]
    assert [row["sighting"] for row in found(capsys, 7, "--site", "south")] == ["merged"]
    assert found(capsys, 7, "--until", NOON - 1) == []
    assert len(found(capsys, 7, "--top", 2)) == 2
    assert run(7) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["rank", "identity", "camera", "site", "start", "end"]
    assert lines[1].split()[:3] == ["1", "7", "door"]


def test_a_number_that_became_another(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(8, "--json") == 0
    captured = capsys.readouterr()
    assert len(json.loads(captured.out)) == 3
    assert "8 is the same person as 7" in captured.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((5,), 1, "has no person 5"),
        (("nowhere.jpg",), 2, "'nowhere.jpg': no such file"),
        (("nowhere.mp4@3",), 2, "no such file"),
        ((7, "--top", 0), 2, "--top 0"),
        ((7, "--since", "soon"), 2, "'soon' is not a valid time"),
        ((7, "--since", NOON, "--until", NOON - 1), 2, "--since and --until"),
        ((7, "--in", "video.mp4"), 2, "--in searches with a picture"),
        ((7, "--gallery", "nowhere.sqlite"), 1, "no such gallery"),
        ((7, "--camera", "dor"), 2, "has no such camera: did you mean door?; it has door, hall"),
    ],
)
def test_one_line(
    path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[object, ...],
    code: int,
    message: str,
) -> None:
    assert run(*words) == code
    assert message in error_line(capsys)


@pytest.mark.parametrize("moment", ["", "@0:01"])
def test_another_encoder_is_refused_before_the_query_is_decoded(
    path: Path, capsys: pytest.CaptureFixture[str], moment: str
) -> None:
    query = path.with_name("query.jpg")
    query.write_bytes(b"no picture, no video")
    words = "--encoder", ENCODER, "--device", "cpu"
    assert run(f"{query}{moment}", *words) == 1
    assert "use the same encoder" in error_line(capsys)
    with EmbeddedStore(path) as store:
        store.purge()  # an empty gallery takes any encoder
    assert run(f"{query}{moment}", *words) == 1
    assert "use the same encoder" not in error_line(capsys)


@pytest.mark.slow
def test_by_picture(
    seen: tuple[Path, list[object]], path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, (picture, *words) = seen
    with EmbeddedStore(path) as store:
        assert len(identities(store)) == 2
    for person in (1, 2):
        rows = found(capsys, picture, *words, "--person", person)
        assert [row["identity"] for row in rows] == [person, 3 - person]
        assert rows[0]["score"] > 0.999 > rows[1]["score"]
        # At the start of the video the walker on the left is number 1, at its end number 2.
        rows = found(capsys, f"{video}@0:03.9", *words, "--person", person, "--identities")
        assert len(rows) == 2
    assert run(picture, *words) == 1
    assert "2 people are in the picture" in error_line(capsys)
    assert run(picture, *words, "--person", 3) == 2
    assert "expected 1 to 2" in error_line(capsys)
    assert run(f"{video}@99", *words) == 1
    assert "ends after 3.9 s" in error_line(capsys)
    words[1] = "osnet_x0_5"
    assert run(picture, *words, "--whole") == 1
    assert "use the same encoder" in error_line(capsys)
