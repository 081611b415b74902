"""The demo clip's three gates, counted by hand, frame by frame, against a run as a user starts it.

`goldens/pedestrians_crossings.csv` lists every crossing that was seen in strips of the clip's
frames: the line, the frames from one side to the other, and who it is by their clothes.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from reid_tracker.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
HAND = ROOT / "tests" / "goldens" / "pedestrians_crossings.csv"
# The three arms of the road, from border to border; "in" is into the scene.
LINES = {"east": "700,490,700,265", "west": "80,170,80,270", "north": "700,210,575,165"}
_LATER = 3  # frames until a crossing is sure


def by_hand() -> list[dict[str, str]]:
    with HAND.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def counted(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_list_is_whole() -> None:
    rows = by_hand()
    assert Counter((row["line"], row["direction"]) for row in rows) == {
        ("east", "in"): 13,
        ("east", "out"): 8,
        ("west", "in"): 1,
        ("west", "out"): 4,
        ("north", "in"): 4,
        ("north", "out"): 4,
    }
    assert all(0 <= int(row["first_frame"]) < int(row["last_frame"]) < 795 for row in rows)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_shipped_models_with_refine_count_as_a_person_does(tmp_path: Path) -> None:
    """The shipped detector and encoder, which are what "auto" means without downloads."""
    lines = [word for name, ends in LINES.items() for word in ("--line", f"{name}={ends}")]
    out = tmp_path / "out"
    video = str(ROOT / "demo" / "pedestrians.mp4")
    words = [video, "--refine", "--no-save-video", "--quiet", *lines, "-o", str(out)]
    assert main(words) == 0
    sums = {row["place"]: row for row in counted(out / "counts_refined_summary.csv")}
    hand = Counter((row["line"], row["direction"]) for row in by_hand())
    for line in LINES:
        assert int(sums[line]["in"]) == hand[line, "in"], line
        assert int(sums[line]["out"]) == hand[line, "out"], line
    left = counted(out / "counts_refined.csv")
    for row in by_hand():  # each crossing is the one that was seen
        frames = range(int(row["first_frame"]), int(row["last_frame"]) + _LATER)
        match = next(
            event
            for event in left
            if (event["place"], event["event"]) == (row["line"], row["direction"])
            and int(event["frame"]) in frames
        )
        left.remove(match)
    assert left == []
