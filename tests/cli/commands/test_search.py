"""`reid-track search` from the outside: by number, by picture, by a moment of a video."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.cli.main import main
from reid_tracker.match.gallery.embedded.store import EmbeddedStore
from reid_tracker.match.gallery.records import EventRecord, SightingRecord
from tests.conftest import walker_boxes
from tests.match.gallery.samples import identities, sighting

ENCODER = "osnet_x0_25"
"""Untrained, with fixed random weights: enough to find a crop that is in the gallery itself."""

NOON = 1_700_000_000.0


def run(*words: object) -> int:
    return main(["search", *map(str, words)])


def found(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    assert run(*words, "--json") == 0
    rows: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return rows


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("reid-track: error: ")
    return line


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A gallery in which one person was seen three times, and 8 was found to be them."""
    path = tmp_path / "gallery.sqlite"
    with EmbeddedStore(path) as store:
        store.write(
            [
                sighting("late", 7, "yard", start_s=NOON + 7200, end_s=NOON + 7210),
                sighting("early", 7, "door", start_s=NOON, end_s=NOON + 10),
                sighting("other", 9, "door", start_s=NOON, end_s=NOON + 10),
                sighting("merged", 8, "hall", start_s=NOON + 3600, end_s=NOON + 3610, site="south"),
            ],
            [EventRecord("m", "merge", 7, 0.0, (8,))],
            {"early": b"a picture"},
        )
    monkeypatch.setenv("REID_TRACKER_GALLERY", str(path))
    return path


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
    assert "8 was found to be the same person as 7" in captured.err


def test_pictures_of_what_is_found(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(found(capsys, 7, "--save-crops", tmp_path / "found")) == 3
    (picture,) = (tmp_path / "found").iterdir()
    assert picture.name == "001_identity000007.jpg"
    assert picture.read_bytes() == b"a picture"
    assert run(9, "--save-crops", tmp_path / "none") == 0
    assert "no pictures" in capsys.readouterr().err


def test_a_sheet(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("matplotlib")
    assert run(7, "--sheet", tmp_path / "sheet.png") == 1
    assert "cannot be decoded" in error_line(capsys)
    green = np.zeros((90, 40, 3), np.uint8)
    green[..., 1] = 200
    picture = cv2.imencode(".png", green)[1].tobytes()
    with EmbeddedStore(path) as store:
        store.write(crops={"early": picture, "late": picture})
    assert run(7, "--sheet", tmp_path / "sheet.png") == 0
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    pixels = (sheet == (0, 200, 0)).all(axis=2).sum()
    assert pixels == 2 * 192 * 85  # 90 x 40, not stretched
    assert run(7, "--sheet", tmp_path / "sheet.png") == 1
    assert "--overwrite" in error_line(capsys)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((5,), 1, "knows nobody as 5"),
        (("nowhere.jpg",), 2, "'nowhere.jpg': no such file"),
        (("nowhere.mp4@3",), 2, "no such file"),
        ((7, "--top", 0), 2, "--top 0"),
        ((7, "--since", "soon"), 2, "'soon' is not a valid time"),
        ((7, "--since", NOON, "--until", NOON - 1), 2, "--since and --until"),
        ((7, "--in", "video.mp4"), 2, "--in searches for a picture"),
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


@pytest.fixture
def seen(
    path: Path, walkers: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[object]]:
    """A video of two walkers in the gallery as 1 and 2, and the words that search it."""
    import cv2

    from reid_tracker.config import EncoderConfig
    from reid_tracker.encode import build_encoder
    from reid_tracker.encode.fingerprint import model_fingerprint
    from reid_tracker.video import open_source

    video, detections = walkers
    config = EncoderConfig(model=ENCODER, device="cpu")
    with open_source(str(video)) as source:
        frame = next(iter(source))
    rows = build_encoder(config).encode(frame.image, walker_boxes(0))
    picture = path.with_name("frame.png")
    cv2.imwrite(str(picture), frame.image)
    model = model_fingerprint(config)
    with EmbeddedStore(path) as store:
        store.purge()
        store.write([_walker(number, row, model) for number, row in enumerate(rows, 1)])
    words = ["--encoder", ENCODER, "--device", "cpu", "--detector", detections]
    return video, [picture, *words]


def _walker(number: int, row: np.ndarray, model: str) -> SightingRecord:
    return sighting(f"walker {number}", number, embeddings=row[None], model=model)


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


@pytest.mark.slow
def test_in_a_video(seen: tuple[Path, list[object]], capsys: pytest.CaptureFixture[str]) -> None:
    video, (picture, *words) = seen
    rows = found(capsys, picture, *words, "--person", 2, "--in", video)
    assert len(rows) == 2
    assert rows[0]["score"] > 0.99
    assert rows[0]["score"] > rows[1]["score"]
    assert rows[0]["best_s"] < 1
    assert rows[0]["end_s"] > 3
    assert run(picture, *words, "--in", video, "--camera", "door") == 2
    assert "for galleries" in error_line(capsys)
