"""Identity events, one line each."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.sink import open_identity_events
from tests.sink.results import (
    EVENT,
    make_result,
    make_tracks,
    with_identities,
)


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
