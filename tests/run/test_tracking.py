"""A tracking run from Python: its folder, its files, and what it must not replace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reid_tracker.config import Config, DetectorConfig, EncoderConfig, OutputConfig
from reid_tracker.errors import OutputError
from reid_tracker.run.folders import claim
from reid_tracker.run.tracking import Watch, track
from reid_tracker.types import FrameResult


class Counting(Watch):
    """Counts what a run reports."""

    def __init__(self) -> None:
        self.frames, self.stages = 0, set[str]()

    def count(self, result: FrameResult) -> None:
        self.frames += 1

    def ending(self, seconds: Mapping[str, float], folder: Path) -> None:
        assert (folder / "walkers.txt").exists()
        self.stages = set(seconds)


@pytest.fixture
def config(walkers: tuple[Path, Path]) -> Config:
    """Motion only, with recorded detections and text files."""
    return Config(
        detector=DetectorConfig(model=str(walkers[1])),
        encoder=EncoderConfig(model="none"),
        output=OutputConfig(video=False, jsonl=False),
    )


def test_a_run_reports_frames_and_returns_its_folder(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    watch, video = Counting(), str(walkers[0])
    folder = track([video], config, tmp_path / "out", watch=watch)
    assert folder == tmp_path / "out"
    assert [path.suffix for path in folder.iterdir()] == [".txt"]
    assert watch.frames > 10
    assert {"detect", "write"} <= watch.stages
    with pytest.raises(OutputError, match="exists already"):
        track([video], config, folder)
    assert track([video], config, folder, overwrite=True) == folder


def test_what_a_run_reads_is_never_replaced(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    video = str(walkers[0])
    with pytest.raises(OutputError, match="would be replaced by its result"):
        track([video], config, walkers[0].parent, overwrite=True)
    given = tmp_path / "out" / f"{walkers[0].stem}.txt"
    with pytest.raises(OutputError, match="would be replaced by its result"):
        track([video], config, tmp_path / "out", overwrite=True, reads=[str(given)])


def test_a_busy_folder_is_refused_and_a_refused_start_leaves_none(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    video = str(walkers[0])
    release = claim(tmp_path)
    with pytest.raises(OutputError, match="another run is writing to"):
        track([video], config, tmp_path, overwrite=True)
    release()
    wrong = replace(config, output=replace(config.output, extra=("no-such",)))
    with pytest.raises(Exception, match="no such output format"):
        track([video], wrong, tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
