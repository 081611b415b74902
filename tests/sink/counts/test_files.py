"""The files of counts: events as they happen, sums at the end."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink.counts.files import CountSink
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces, CountingZone
from reid_tracker.types import FrameResult, Identities, VideoInfo
from tests.sink.results import event, make_result, make_tracks

INFO = VideoInfo(200, 160, Fraction(10))
PLACES = CountingPlaces(
    (CountingLine("gate", "door", (0, 100), (200, 100)),),
    (CountingZone("shop", "door", ((50, 20), (150, 20), (150, 90), (50, 90))),),
)


def frame(index: int, identity: int = 0) -> FrameResult:
    """Track 1 walks up through the gate into the shop."""
    y = 150 - 10 * index
    image = np.full((160, 200, 3), 90, np.uint8)
    tracks = make_tracks([1], [[90, y - 60, 110, y]])
    known = Identities(tracks.ids, np.array([identity]), np.ones(1, np.float32))
    return replace(make_result(index, tracks, image, index / 10, "door"), identities=known)


def opened(folder: Path, overwrite: bool = False) -> CountSink:
    return CountSink(folder / "counts", PLACES, {"door": INFO}, overwrite=overwrite)


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "counts.jsonl").read_text().splitlines()]


def test_events_are_written_at_once_and_sums_at_the_end(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        for index in range(12):
            sink.write(frame(index))
        assert [line["event"] for line in lines_of(tmp_path)] == ["enter", "in"]
        sink.write_events([event("new", 5, ("door", 1))])
        assert not (tmp_path / "counts_summary.csv").exists()
    lines = lines_of(tmp_path)
    assert lines[1] == {
        "schema": "reid_tracker/count/1",
        "camera": "door",
        "frame": 7,
        "timestamp_s": 0.7,
        "place": "gate",
        "event": "in",
        "id": 1,
        "class": 0,
        "identity": None,
    }
    assert [line["event"] for line in lines[:3]] == ["enter", "in", "exit"]
    assert lines[2]["dwell_s"] == 0.5
    assert lines[3]["lines"] == [{"name": "gate", "in": 1, "out": 0, "people": 1}]
    assert lines[3]["zones"][0]["persons"] == [{"identity": 5, "visits": 1, "dwell_s": 0.5}]
    rows = list(csv.DictReader((tmp_path / "counts.csv").open()))
    assert [(row["place"], row["event"], row["dwell_s"]) for row in rows] == [
        ("shop", "enter", ""),
        ("gate", "in", ""),
        ("shop", "exit", "0.5"),
    ]
    gate, shop = csv.DictReader((tmp_path / "counts_summary.csv").open())
    assert (gate["kind"], gate["in"], gate["out"], gate["dwell_s"]) == ("line", "1", "0", "")
    assert (shop["place"], shop["people"], shop["mean_dwell_s"]) == ("shop", "1", "0.5")


def test_events_hold_the_identity_of_their_time(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        for index in range(12):
            sink.write(frame(index, identity=9 if index > 6 else 0))
    assert [line["identity"] for line in lines_of(tmp_path)[:3]] == [None, 9, 9]


def test_two_cameras_count_a_person_once(tmp_path: Path) -> None:
    """Tracks 1 of two cameras turn out to be one person, who is in the zone at the same time."""
    shared = CountingPlaces(
        tuple(replace(line, camera=camera) for line in PLACES.lines for camera in ("door", "hall")),
        tuple(replace(zone, camera=camera) for zone in PLACES.zones for camera in ("door", "hall")),
    )
    sink = CountSink(tmp_path / "counts", shared, {"door": INFO, "hall": INFO})
    with sink:
        for index in range(12):
            sink.write(frame(index))
            sink.write(replace(frame(index), camera="hall"))
        sink.write_events([event("new", 5, ("door", 1)), event("match", 5, ("hall", 1))])
    lines = lines_of(tmp_path)
    assert [line["event"] for line in lines[:-1]].count("in") == 2
    assert lines[-1]["lines"] == [{"name": "gate", "in": 1, "out": 0, "people": 1}]
    assert lines[-1]["zones"][0]["persons"] == [{"identity": 5, "visits": 1, "dwell_s": 0.5}]


def test_existing_files_are_refused_all_at_once(tmp_path: Path) -> None:
    (tmp_path / "counts_summary.csv").write_text("")
    with pytest.raises(OutputError, match="counts_summary"):
        opened(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["counts_summary.csv"]
    opened(tmp_path, overwrite=True).close()
    assert len(list(tmp_path.iterdir())) == 3


def test_counts_are_painted_at_any_scale(tmp_path: Path) -> None:
    with opened(tmp_path) as sink:
        sink.write(frame(0))
        for scale in (1, 2):
            scene = np.full((160 * scale, 200 * scale, 3), 90, np.uint8)
            sink.paint("door", scene)
            gate, shop = scene[100 * scale, 20 * scale], scene[60 * scale, 55 * scale]
            assert gate.tolist() == [0, 215, 255]
            assert (shop != 90).any()
            assert (scene[140 * scale, 20 * scale] == 90).all()
