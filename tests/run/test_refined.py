"""The refined files of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reid_tracker.config import Config, DetectorConfig, EncoderConfig, OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.run.tracking import track


@pytest.fixture
def config(walkers: tuple[Path, Path]) -> Config:
    return Config(
        detector=DetectorConfig(model=str(walkers[1])),
        encoder=EncoderConfig(model="none"),
        output=OutputConfig(video=False, jsonl=False, refine=True),
    )


def test_a_recorded_run_writes_refined_tracks_and_their_changes(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    video = str(walkers[0])
    folder = track([video], config, tmp_path / "out")
    live = np.loadtxt(folder / "walkers.txt", delimiter=",", ndmin=2)
    refined = np.loadtxt(folder / "walkers_refined.txt", delimiter=",", ndmin=2)
    assert (np.diff(refined[:, 0]) >= 0).all()
    assert set(refined[:, 1]) == set(live[:, 1])
    assert len(refined) >= len(live)
    assert refined[:, 0].min() >= 1
    assert refined[:, 0].max() == live[:, 0].max()
    assert json.loads((folder / "walkers_refined.json").read_text()) == []
    with pytest.raises(OutputError, match="exists already"):
        track([video], config, folder)


def test_only_the_refined_files_are_further(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    plain = replace(config, output=replace(config.output, refine=False))
    without = track([str(walkers[0])], plain, tmp_path / "a")
    with_them = track([str(walkers[0])], config, tmp_path / "b")
    names = {path.name for path in with_them.iterdir()} - {path.name for path in without.iterdir()}
    assert names == {"walkers_refined.txt", "walkers_refined.json"}
    assert (without / "walkers.txt").read_bytes() == (with_them / "walkers.txt").read_bytes()
