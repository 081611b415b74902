"""What outputs say of identities over all cameras: JSON lines, colours, events."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink import open_identity_events
from reid_tracker.sink.text.jsonl import JsonlSink
from reid_tracker.sink.video.annotate import Annotator
from reid_tracker.sink.video.palette import identity_colours
from reid_tracker.types import FrameResult, Identities, IdentityEvent
from tests.sink.results import make_result, make_tracks

EVENT = IdentityEvent(
    kind="merge",
    identity=3,
    previous_ids=(5, 8),
    members=(("door", 1), ("hall", 2)),
    reason="one person, seen from today",
    score=0.81234,
    time_s=12.5,
)


def with_identities(result: FrameResult, *ids: int) -> FrameResult:
    scores = np.ones(len(ids), np.float32)
    identities = Identities(result.tracks.ids, np.array(ids, np.int64), scores)
    return dataclasses.replace(result, identities=identities, events=(EVENT,))


def test_json_lines_hold_the_identity_of_each_track(tmp_path: Path) -> None:
    with JsonlSink(tmp_path / "o.jsonl") as sink:
        sink.write(with_identities(make_result(0, make_tracks((1, 2))), 7, 0))
        sink.write(make_result(1, make_tracks((1, 2))))
    first, second = map(json.loads, (tmp_path / "o.jsonl").read_text().splitlines())
    assert [track["identity"] for track in first["tracks"]] == [7, None]
    assert [track["id"] for track in first["tracks"]] == [1, 2]
    assert "identity" not in second["tracks"][0]


def test_events_are_one_line_each(tmp_path: Path) -> None:
    with open_identity_events(tmp_path) as sink:
        sink.write(with_identities(make_result(0, make_tracks((1,))), 3))
        sink.write(make_result(1))
        sink.write_events([dataclasses.replace(EVENT, kind="split", identity=0)])
    first, second = map(json.loads, (tmp_path / "identities.jsonl").read_text().splitlines())
    assert first == {
        "schema": "reid_tracker/identity/1",
        "kind": "merge",
        "identity": 3,
        "previous_ids": [5, 8],
        "members": [{"camera": "door", "track": 1}, {"camera": "hall", "track": 2}],
        "reason": "one person, seen from today",
        "score": 0.8123,
        "time_s": 12.5,
    }
    assert (second["kind"], second["identity"]) == ("split", None)
    with pytest.raises(OutputError, match="exists already"):
        open_identity_events(tmp_path)


@pytest.mark.parametrize("identity", [4, 0])
def test_colours_follow_the_identity_not_the_track(identity: int) -> None:
    box = [[100.0, 80, 160, 200]]
    image = np.full((240, 320, 3), 60, np.uint8)
    result = make_result(0, make_tracks((9,), box), image)
    drawn = Annotator().draw(with_identities(result, identity))
    rgb = identity_colours()[identity].tolist() if identity else [128, 128, 128]
    assert drawn[140, 100].tolist() == rgb[::-1]
