"""The refined files of a run."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from reid_tracker.config import Config, DeepSortConfig, DetectorConfig, EncoderConfig, OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.run.refined import RefinedTracks
from reid_tracker.run.tracking import track
from reid_tracker.sink.counts.files import CountSink
from reid_tracker.sink.counts.places import CountingLine, CountingPlaces
from reid_tracker.types import VideoInfo
from tests.sink.results import event, make_result, make_tracks


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


def test_refined_counts_know_the_identities_of_the_run(tmp_path: Path) -> None:
    """Two cameras see one person walk through one gate; the matcher says so late in the run."""
    info = VideoInfo(200, 160, Fraction(10))
    lines = tuple(CountingLine("gate", camera, (0, 100), (200, 100)) for camera in ("door", "hall"))
    counts = CountSink(tmp_path / "counts", CountingPlaces(lines), {"door": info, "hall": info})
    refined = {}
    for camera in ("door", "hall"):
        source = Mock(info=info)
        source.name = camera
        refined[camera] = RefinedTracks(tmp_path, source, DeepSortConfig(), counts, overwrite=False)
    for index in range(12):
        y = 150 - 10 * index
        for camera, sink in refined.items():
            tracks = make_tracks([1], [[90, y - 60, 110, y]])
            result = make_result(index, tracks, timestamp_s=index / 10, camera=camera)
            known = (event("new", 5, ("door", 1), ("hall", 1)),) if index == 11 else ()
            sink.write(replace(result, events=known))
    for sink in refined.values():
        sink.close()
    counts.close()
    written = [json.loads(line) for line in (tmp_path / "counts.jsonl").read_text().splitlines()]
    assert [(line["camera"], line["identity"]) for line in written[:2]] == [
        ("door", 5),
        ("hall", 5),
    ]
    assert written[-1]["lines"] == [{"name": "gate", "in": 1, "out": 0, "people": 1}]
