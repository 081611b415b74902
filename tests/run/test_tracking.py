"""A tracking run from Python: its folder, its files, and what it must not replace."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import av
import pytest

from reid_tracker.config import Config, DetectorConfig, EncoderConfig, OutputConfig
from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.run.folders import claim
from reid_tracker.run.profile import Profile, ThreadUse
from reid_tracker.run.tracking import Watch, track
from reid_tracker.types import FrameResult
from tests.conftest import FRAMES


class Counting(Watch):
    """Counts what a run reports."""

    def __init__(self) -> None:
        self.frames, self.stages = 0, set[str]()

    def count(self, result: FrameResult) -> None:
        self.frames += 1

    def ending(self, seconds: Mapping[str, float], folder: Path, encoded: tuple[int, int]) -> None:
        assert encoded[0] == 0 < encoded[1]
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


def test_people_are_counted_live_and_refined(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    """Two people cross the middle of the picture in opposite directions."""
    output = replace(config.output, lines=("middle=160,240,160,0",), refine=True, video=True)
    folder = track([str(walkers[0])], replace(config, output=output), tmp_path / "out")
    for name in ("counts", "counts_refined"):
        table = (folder / f"{name}_summary.csv").read_text().splitlines()
        assert table[1] == "middle,line,1,1,2,,,,"
        kinds = [row.split(",")[4] for row in (folder / f"{name}.csv").read_text().splitlines()]
        assert sorted(kinds) == ["event", "in", "out"]
        lines = [json.loads(one) for one in (folder / f"{name}.jsonl").read_text().splitlines()]
        assert lines[-1]["lines"] == [{"name": "middle", "in": 1, "out": 1, "people": 2}]
    with av.open(str(folder / "walkers.mp4")) as video:
        image = next(iter(video.decode(video=0))).to_ndarray(format="bgr24").astype(int)
    blue, _, red = image[200, 160]
    assert red - blue > 60  # the line is yellow


def test_every_second_frame_counts_the_same(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    output = replace(config.output, lines=("middle=160,240,160,0",))
    frames = []
    for stride in (1, 2):
        some = replace(config, output=output, video=replace(config.video, stride=stride))
        folder = track([str(walkers[0])], some, tmp_path / str(stride))
        rows = (folder / "counts.csv").read_text().splitlines()[1:]
        frames.append([int(row.split(",")[1]) for row in rows])
    assert len(frames[0]) == len(frames[1]) == 2
    assert all(abs(one - other) <= 2 for one, other in zip(*frames, strict=True))


def test_a_wrong_place_is_refused_before_models_are_loaded(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    wrong = replace(config, output=replace(config.output, lines=("a=0,0,9999,9",)))
    wrong = replace(wrong, encoder=EncoderConfig(model="nowhere.onnx"))
    with pytest.raises(ConfigError, match="9999,9, outside the picture of camera 'walkers'"):
        track([str(walkers[0])], wrong, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_counts_are_whole_after_ctrl_c(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    class Interrupt(Watch):
        frames = 0

        def count(self, result: FrameResult) -> None:
            self.frames += 1
            if self.frames == 20:
                raise KeyboardInterrupt

    output = replace(config.output, zones=("all=0,0,320,0,320,240,0,240",), refine=True)
    counted = replace(config, output=output)
    with pytest.raises(KeyboardInterrupt):
        track([str(walkers[0])], counted, tmp_path / "out", watch=Interrupt())
    for name in ("counts", "counts_refined"):
        text = (tmp_path / "out" / f"{name}.jsonl").read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line.get("event") for line in lines] == ["enter", "enter", "exit", "exit", None]
        assert lines[-1]["zones"][0]["people"] == 2
        assert (tmp_path / "out" / f"{name}_summary.csv").read_text().endswith("\n")


def test_a_profile_shows_every_stage_in_its_own_thread(
    walkers: tuple[Path, Path], config: Config, tmp_path: Path
) -> None:
    class Profiled(Watch):
        threads: list[ThreadUse]

        def profiled(self, profile: Profile) -> None:
            self.threads = profile.threads()

    watch = Profiled()
    folder = track([str(walkers[0])], config, tmp_path / "out", profile=True, watch=watch)
    assert {one.thread for one in watch.threads} == {"read", "detect", "encode", "track", "write"}
    trace = json.loads((folder / "profile.json").read_text())
    names = {one["tid"]: one["args"]["name"] for one in trace if one["ph"] == "M"}
    spans = [one for one in trace if one["ph"] == "X"]
    work = [(one["name"], names[one["tid"]]) for one in spans if "waits" not in one["name"]]
    for stage in ("detect", "track", "write"):
        assert work.count((stage, stage)) == FRAMES
    for thread in names:  # spans of a thread do not overlap
        mine = sorted((one["ts"], one["ts"] + one["dur"]) for one in spans if one["tid"] == thread)
        assert all(begin >= end - 1 for (_, end), (begin, _) in itertools.pairwise(mine))
    with pytest.raises(OutputError, match="exists already"):
        track([str(walkers[0])], config, folder, profile=True)
