"""A profile: its table, and a file that trace viewers open."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reid_tracker.errors import OutputError
from reid_tracker.overlap import StageTimes
from reid_tracker.run.profile import Profile
from tests.waiting import PATIENCE_S


def events(path: Path, kind: str) -> list[dict[str, Any]]:
    """Return the events of one kind, after a check of all against the Chrome trace event format."""
    everything = json.loads(path.read_text())
    for event in everything:
        assert event.keys() >= {"name", "ph", "ts", "pid", "tid"}
        assert event["ts"] >= 0
        assert event["ph"] in "XMC"
        assert event["ph"] != "X" or event["dur"] >= 0
    return [event for event in everything if event["ph"] == kind]


def test_stages_waits_and_queues_are_recorded_by_thread(tmp_path: Path) -> None:
    def work() -> None:
        start = time.perf_counter()
        profile.waited(StageTimes.FOR_ROOM, start, start + 1)
        profile.spent("detect", start + 1, start + 4)
        profile.waited(StageTimes.FOR_WORK, start + 4, start + 6)
        profile.queued("detect", 1)
        profile.queued("detect", 2)

    with Profile(tmp_path / "profile.json") as profile:
        thread = threading.Thread(target=work, name="detect")
        thread.start()
        thread.join(PATIENCE_S)
        with profile.measure("match"):
            pass
        detect, write = profile.threads()
    assert detect.thread == "detect"
    assert detect[1:] == pytest.approx((3, 2, 1, 1.5))
    assert write.thread == "write"
    assert profile.seconds["detect"] == pytest.approx(3)
    assert set(profile.seconds) == {"detect", "match"}
    spans = events(profile.path, "X")
    assert [one["name"] for one in spans] == ["waits for room", "detect", "waits for work", "match"]
    assert spans[1]["dur"] == pytest.approx(3e6, rel=1e-3)
    assert spans[1]["ts"] - spans[0]["ts"] == pytest.approx(1e6, rel=1e-3)
    assert len({one["tid"] for one in spans}) == 2
    names = {one["tid"]: one["args"]["name"] for one in events(profile.path, "M")}
    assert [names[one["tid"]] for one in spans] == ["detect"] * 3 + ["write"]
    queue = events(profile.path, "C")
    assert [(one["name"], one["args"]) for one in queue] == [
        ("after detect", {"batches": 1}),
        ("after detect", {"batches": 2}),
    ]


def test_a_profile_of_nothing_is_an_empty_array_and_late_reports_are_ignored(
    tmp_path: Path,
) -> None:
    profile = Profile(tmp_path / "profile.json")
    profile.close()
    profile.queued("detect", 1)
    profile.close()
    assert json.loads(profile.path.read_text()) == []
    with pytest.raises(OutputError, match="exists already"):
        Profile(profile.path)
    Profile(profile.path, overwrite=True).close()
