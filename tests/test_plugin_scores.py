"""The program that compares hosts with their own encoder and with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reid_tracker.types import Detections, ImageBGR
from tests.benchmarks import plugins
from tests.benchmarks.mot_cached import CachedSequence


class TwoFrames(CachedSequence):
    """One person who walks to the right."""

    def frames(self) -> Any:
        for number in (1, 2):
            boxes = np.array([[10 * number, 20, 10 * number + 30, 90]], np.float32)
            found = Detections(boxes, [0.9], [0])  # type: ignore[arg-type]
            yield number, found, np.zeros((1, 4), np.float32)


def test_every_step_sees_every_frame_and_becomes_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "pictures", lambda _: iter([np.zeros((9, 9, 3), np.uint8)] * 2))
    called = []

    def step_of(name: str) -> plugins.Step:
        def step(image: ImageBGR, found: Detections) -> Any:
            called.append(name)
            return np.column_stack([[7], found.boxes])

        return step

    sequence = TwoFrames("made up", Path(), Path(), 10)
    steps = [step_of("own"), step_of("ours")]
    ((own, rate), (ours, _)), glue = plugins.compare(sequence, steps, plugins.Clock())
    assert glue == 0
    assert called == ["own", "ours"] * 2
    assert own.tolist() == [[1, 7, 10, 20, 30, 70, 1], [2, 7, 20, 20, 30, 70, 1]]
    np.testing.assert_array_equal(own, ours)
    assert rate > 0


def test_time_is_charged_to_what_runs_at_the_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr("time.perf_counter", lambda: next(now))
    clock = plugins.Clock()
    encode = clock.charge("encoder", lambda: next(now))  # takes one second more

    def plug_in() -> None:
        encode()
        encode()

    clock.lap()
    clock.charge("glue", plug_in)()
    assert clock.lap() == {"host": 2, "glue": 3, "encoder": 4}
    assert clock.lap() == {"host": 1}


def test_only_confirmed_tracks_of_this_frame_count() -> None:
    def track(number: str, confirmed: bool, missed: int) -> Any:
        return type(
            "Track",
            (),
            {
                "track_id": number,
                "time_since_update": missed,
                "is_confirmed": lambda self: confirmed,
                "to_ltrb": lambda self: [1, 2, 3, 4],
            },
        )()

    tracks = [track("3", True, 0), track("4", False, 0), track("5", True, 2)]
    assert plugins.seen(tracks).tolist() == [[3, 1, 2, 3, 4]]
    assert plugins.seen([]).shape == (0, 5)
