"""JSON lines, read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reid_tracker.sink.text.json_lines import JsonlSink
from reid_tracker.sink.text.mot_text import MotSink
from reid_tracker.types import Tracks
from tests.sink.results import (
    BOXES,
    make_result,
    make_tracks,
    with_identities,
    written,
)


def test_jsonl_names_the_classes_that_the_detector_names(tmp_path: Path) -> None:
    tracks = replace(make_tracks([4, 17]), classes=np.array([0, 5]))
    result = replace(make_result(30, tracks), class_names={0: "person"})
    first, second = json.loads(written(JsonlSink(tmp_path / "o.jsonl"), result))["tracks"]
    assert first["class_name"] == "person"
    assert "class_name" not in second


def test_jsonl_object(tmp_path: Path) -> None:
    result = make_result(30, make_tracks([4, 17], BOXES), camera="Tür 1")
    text = written(JsonlSink(tmp_path / "o.jsonl"), result)
    assert json.loads(text) == {
        "schema": "reid_tracker/frame/1",
        "camera": "Tür 1",
        "frame": 30,
        "timestamp_s": 1.001,
        "tracks": [
            {
                "id": 4,
                "box": [1.0, 2.0, 11.0, 22.5],
                "score": 0.9,
                "class": 0,
                "age_s": 0.0,
                "observed": True,
                "detection_index": 0,
            },
            {
                "id": 17,
                "box": [-3.25, 0.0, 4.0, 8.0],
                "score": 0.5,
                "class": 0,
                "age_s": 1.0,
                "observed": False,
                "detection_index": -1,
            },
        ],
    }
    assert "-0.0" not in text


def test_jsonl_has_a_line_for_empty_frames(tmp_path: Path) -> None:
    text = written(JsonlSink(tmp_path / "o.jsonl"), make_result(3, Tracks.empty()))
    assert json.loads(text)["tracks"] == []


@given(
    st.lists(
        st.tuples(*[st.floats(-1e4, 1e4, width=32)] * 4).map(
            lambda box: [min(box[0], box[2]), min(box[1], box[3]), *map(max, box[:2], box[2:])]
        ),
        max_size=5,
    )
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_boxes_survive_the_round_trip(tmp_path: Path, boxes: list[list[float]]) -> None:
    tracks = make_tracks(range(1, len(boxes) + 1), boxes)
    line = written(JsonlSink(tmp_path / "o.jsonl", overwrite=True), make_result(0, tracks))
    read = [track["box"] for track in json.loads(line)["tracks"]]
    mot = written(MotSink(tmp_path / "o.txt", overwrite=True), make_result(0, tracks)).splitlines()
    assert len(mot) == len(read) == len(boxes)
    for box, from_json, from_mot in zip(boxes, read, mot, strict=True):
        assert from_json == pytest.approx(box, abs=0.0051)
        left, top, width, height = map(float, from_mot.split(",")[2:6])
        assert [left, top, left + width, top + height] == pytest.approx(box, abs=0.02)


def test_json_lines_hold_the_identity_of_each_track(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "o.jsonl") as sink:
        sink.write(with_identities(make_result(0, make_tracks((1, 2))), 7, 0))
        sink.write(make_result(1, make_tracks((1, 2))))
    first, second = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert [track["identity"] for track in first["tracks"]] == [7, None]
    assert [track["id"] for track in first["tracks"]] == [1, 2]
    assert "identity" not in second["tracks"][0]
