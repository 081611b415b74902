"""The table, files and pictures of `reid-track eval-mot`."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import pytest

from reid_tracker.cli.main import run
from reid_tracker.errors import OutputError
from tests.conftest import write_video


def words(world: Path) -> list[str]:
    return ["eval-mot", str(world / "gt"), str(world / "results" / "t")]


def test_scores_of_each_sequence_and_of_all(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = world / "scores.csv", world / "scores.json"
    options = ["--save-csv", str(saved[0]), "--save-json", str(saved[1])]
    assert run([*words(world), *options]) == 0
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()] == [
        "rules", "sequence", "one", "two", "COMBINED",
    ]  # fmt: skip
    rows = {row["sequence"]: row for row in csv.DictReader(saved[0].open())}
    assert list(rows) == ["one", "two", "COMBINED"]
    assert rows["one"]["benchmark"] == "MOT17"
    found = json.loads(saved[1].read_text())
    for name, row in rows.items():
        scores = found["combined"] if name == "COMBINED" else found["sequences"][name]["scores"]
        assert float(row["hota"]) == scores["hota"]
        assert f" {100 * scores['hota']:.1f} " in printed
        assert sum(scores["hota_by_iou"]) / 19 == pytest.approx(scores["hota"])
    one = found["sequences"]["one"]
    assert len(one["switches"]) == one["scores"]["switches"] > 0
    assert len(one["fragments"]) == one["scores"]["fragments"]
    assert {"person", "first", "last"} == set(one["losses"][0])
    with pytest.raises(OutputError, match="exists already"):
        run([*words(world), *options])
    before = saved[1].read_bytes()
    assert run([*words(world), *options, "--overwrite", "--quiet"]) == 0
    assert saved[1].read_bytes() == before


@pytest.mark.slow
def test_each_sequence_has_its_picture(world: Path) -> None:
    pytest.importorskip("matplotlib")
    video = write_video(world / "walkers.mp4")
    options = ["--save-picture", str(world / "tracks.png"), "--quiet"]
    assert run([*words(world), *options, "--video", f"one={video}"]) == 0
    one, two = (cv2.imread(str(world / f"tracks_{name}.png")) for name in ("one", "two"))
    assert one is not None
    assert two is not None
    assert one.shape[1] == two.shape[1]
    assert one.shape[0] > two.shape[0] + 168  # the strips of its switches
    with pytest.raises(OutputError, match=r"tracks_one\.png exists already"):
        run([*words(world), *options])
    words_of_one = ["eval-mot", str(world / "gt" / "one"), str(world / "results" / "t"), *options]
    assert run(words_of_one) == 0
    assert (world / "tracks.png").is_file()
