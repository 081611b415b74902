"""The search for options: its order, its going on, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reid_tracker.config import DeepSortConfig
from reid_tracker.errors import ConfigError
from reid_tracker.evaluate.mot import MotSequence, TrueBoxes
from reid_tracker.evaluate.multi_camera import IdentityBoxes
from reid_tracker.run.found import FoundVideo
from reid_tracker.run.tune import (
    Scene,
    Score,
    Trial,
    best_of,
    front_of,
    score,
    search,
    split,
)
from reid_tracker.run.tune_space import Axis, Limits, Value

SPACE = {
    "number": Axis(0.0, Limits(0.0, 1.0)),
    "ratio": Axis(0.1, Limits(0.001, 10.0, log=True)),
    "whole": Axis(3, Limits(1, 100, log=True), whole=True),
    "switch": Axis(False),
}


def scored(values: Mapping[str, Value]) -> Score:
    """Two peaks that differ: one in each score."""
    off = 0.1 * (values["whole"] != 7) + 0.1 * (not values["switch"])
    near = [1 - abs(values["number"] - peak) - off for peak in (0.4, 0.6)]
    return Score(near[0], near[1], 1000.0)


@pytest.fixture
def optuna() -> Any:
    return pytest.importorskip("optuna")


def run(file: Path, trials: int = 25, seed: int = 0, **options: Any) -> list[Trial]:
    about = options.pop("about", {"of": 1})
    return search(
        file, SPACE, options.pop("scored", scored), trials=trials, seed=seed, about=about, **options
    )


@pytest.mark.slow
def test_a_search_starts_at_the_start_and_finds_better(tmp_path: Path, optuna: Any) -> None:
    steps: list[Trial] = []
    found = run(tmp_path / "study.journal", step=steps.append)
    assert found == steps
    assert len(found) == 25
    assert found[0].values == {"number": 0.0, "ratio": 0.1, "whole": 3, "switch": False}
    assert all(0 <= one.values["number"] <= 1 and 1 <= one.values["whole"] <= 100 for one in found)
    assert all(float(f"{one.values['ratio']:.4g}") == one.values["ratio"] for one in found)
    best = found[best_of(found)]
    assert best.values["switch"] is True
    assert sum(best.score[:2]) > sum(found[0].score[:2]) + 0.3


@pytest.mark.slow
def test_a_search_that_is_stopped_goes_on_as_if_it_was_not(tmp_path: Path, optuna: Any) -> None:
    whole = run(tmp_path / "whole.journal")
    file = tmp_path / "a b%20?#.journal"

    def slower(values: Mapping[str, Value]) -> Score:
        return scored(values)._replace(updates_per_s=10.0)

    def stopped(values: Mapping[str, Value]) -> Score:
        stopped_at.append(1)
        if len(stopped_at) in (1, 14):
            raise KeyboardInterrupt
        return slower(values)

    stopped_at: list[int] = []
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(file, scored=stopped)
    assert len(run(file, trials=12)) == 12  # no fewer than there are
    # A run that is killed as it writes leaves half a line and the lock.
    Path(f"{file}.lock").touch()
    with file.open("ab") as stream:
        stream.write(b'{"op_code":4,"wor')
    parts = run(file, scored=slower)
    assert [one.values for one in parts] == [one.values for one in whole]
    assert [one.score[:2] for one in parts] == [one.score[:2] for one in whole]
    other = run(tmp_path / "other.journal", seed=1)
    assert [one.values for one in other] != [one.values for one in whole]


@pytest.mark.slow
def test_a_file_of_something_else_is_refused(tmp_path: Path, optuna: Any) -> None:
    file = tmp_path / "study.journal"
    run(file, trials=1)
    for changed in ({"seed": 1}, {"about": {"of": 2}}):
        with pytest.raises(
            ConfigError, match="holds a search with other sequences, models, options"
        ):
            run(file, trials=2, **changed)
    file.write_text("no journal at all")
    with pytest.raises(ConfigError, match=r"study.journal cannot be used: not an Optuna journal"):
        run(file, trials=1)
    assert file.read_text().startswith("no journal")


def trial(hota: float, idf1: float, speed: float = 100.0) -> Trial:
    return Trial({}, Score(hota, idf1, speed))


def test_the_front_and_the_best() -> None:
    tried = [trial(0.5, 0.5), trial(0.6, 0.5), trial(0.5, 0.7), trial(0.4, 0.4), trial(0.6, 0.5)]
    assert front_of(tried) == [1, 2]
    assert best_of(tried) == 2
    # What is a little faster by chance is not kept; what is clearly faster is.
    assert front_of([*tried, trial(0.4, 0.4, 109)]) == [1, 2]
    assert front_of([*tried, trial(0.4, 0.4, 111)]) == [1, 2, 5]
    assert front_of([trial(0.5, 0.5)]) == [0]


def scene(name: str, content: str) -> Any:
    return SimpleNamespace(
        sequence=SimpleNamespace(name=name), found=SimpleNamespace(content=content)
    )


def test_every_third_video_is_held_out() -> None:
    scenes = [scene(f"{video}-{kind}", video) for video in "abcdef" for kind in "xy"]
    searched, held_out = split(scenes, [])
    assert [one.sequence.name for one in held_out] == ["c-x", "c-y", "f-x", "f-y"]
    assert len(searched) == 8
    # The same pictures are never on both sides.
    assert [one.sequence.name for one in split(scenes, ["b-y"])[1]] == ["b-x", "b-y"]
    assert split(scenes[:4], [])[1] == []
    with pytest.raises(
        ConfigError, match="--hold-out z: unknown sequence; expected one of a-x, a-y"
    ):
        split(scenes, ["z"])
    with pytest.raises(ConfigError, match="--hold-out names every video"):
        split(scenes[:4], ["a-x", "b-x"])


def test_options_are_scored_on_what_was_found() -> None:
    pytest.importorskip("trackeval")
    frames = np.arange(10)
    boxes = np.array([[10, 10, 30, 60]], np.float32) + frames[:, None].astype(np.float32)
    found = FoundVideo(
        "x",
        frames,
        frames / 10,
        np.full((10, 2), 100),
        np.full((10, 2, 3), np.nan),
        np.ones(10, np.int64),
        boxes,
        np.full(10, 0.9, np.float32),
        np.zeros(10, np.int64),
        np.empty((10, 0), np.float32),
    )
    truth = TrueBoxes(
        IdentityBoxes(frames + 1, np.ones(10, np.int64), boxes.astype(np.float64)),
        np.ones(10) > 0,
        None,
    )
    one = Scene(MotSequence("one", Path("gt.txt")), found, truth, "MOT15")
    good = score(DeepSortConfig(matched_weight=1.0), [one])
    assert good[:2] == (1.0, 1.0)
    assert good.updates_per_s > 10
    late = score(DeepSortConfig(matched_weight=1.0, n_init=5, confirm_first=False), [one])
    assert late.idf1 == pytest.approx(2 * 6 / (10 + 6))
