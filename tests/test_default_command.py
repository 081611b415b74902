"""The program that scores whole commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import ReidTrackerError
from tests.benchmarks import default_command
from tests.benchmarks.default_command import Row, line, run
from tests.conftest import write_detections


@pytest.fixture
def replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "shipped" replay the true boxes, which needs no network."""
    boxes = write_detections(tmp_path / "boxes.txt")
    words = ("--detector", str(boxes), "--no-save-video")
    monkeypatch.setattr(default_command, "MODELS", {"shipped": words})


@pytest.mark.slow
@pytest.mark.usefixtures("replay")
def test_a_command_is_run_and_scored(walkers: tuple[Path, Path], tmp_path: Path) -> None:
    pytest.importorskip("trackeval")
    video, boxes = walkers
    truth = tmp_path / "gt.txt"
    lines = boxes.read_text().splitlines()
    truth.write_text(
        "".join(f"{text.replace(',-1,', f',{row % 2 + 1},')}\n" for row, text in enumerate(lines))
    )
    scores = run(Row((video,), (), truth), "shipped")
    assert scores["IDF1"] > 80  # three frames confirm a track
    assert scores["IDSW"] == 0
    matched = run(Row((video,), (), truth, matched_only=True), "shipped")
    assert matched["IDF1"] == 100
    assert "MOTA" not in matched


@pytest.mark.slow
def test_a_command_that_fails_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReidTrackerError, match=r"nowhere\.mp4"):
        run(Row((tmp_path / "nowhere.mp4",), (), None), "shipped")


def test_line_of_the_table() -> None:
    row = Row((Path("/data/TUD/img1"),), ("--fps", "25"), Path("gt.txt"))
    text = line("TUD", row, "public", {"HOTA": 54.77, "IDF1": 80.6, "IDSW": 1.0})
    assert text == "| TUD | `reid-track TUD/img1 --fps 25` | public | 54.8 | 80.6 |  | 1 |"
