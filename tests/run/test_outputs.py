"""A run over several cameras from the outside: every file that it leaves, also after Ctrl-C."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet
import pytest

from reid_tracker.cli.main import main
from reid_tracker.match import load_topology
from reid_tracker.types import FrameResult
from tests.conftest import write_video
from tests.sink.readers import read_video
from tests.test_pipeline import ColourEncoder, WalkerDetector

FLOOR = """\
cameras:
- {camera: a, matrix: [0.02, 0, 0, 0, -0.02, 5, 0, 0, 1]}
- {camera: b, matrix: [0.02, 0, 0, 0, -0.02, 5, 0, 0, 1]}
"""
PICTURES = ["timeline.png", "transit_times.png", "transitions.png"]


@pytest.fixture
def cameras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two videos of the walkers: 10 frames a second for 4 s, and 5 for 3 s."""
    monkeypatch.setattr("reid_tracker.pipeline.build_detector", lambda _: WalkerDetector())
    monkeypatch.setattr("reid_tracker.pipeline.build_encoder", lambda _: ColourEncoder())
    (tmp_path / "floor.yaml").write_text(FLOOR)
    return [
        write_video(tmp_path / "a.mp4", 40, Fraction(10)),
        write_video(tmp_path / "b.mp4", 15, Fraction(5)),
    ]


def track(cameras: list[Path], output: Path, *more: object) -> int:
    settings = ["match.min_hits=3", "match.patience_s=0.5", "match.loose=0.1", "match.tight=0.1"]
    words = [*cameras, "--encoder", "given", "-o", output, "--quiet", *more]
    return main([*map(str, words), *(word for s in settings for word in ("--set", s))])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mot(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


@pytest.mark.slow
def test_everything_is_written_and_agrees(cameras: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    floor = tmp_path / "floor.yaml"
    options = ("--save-csv", "--save-crops", "--save-parquet", "--ground", floor)
    assert track(cameras, out, *options) == 0
    each = [f"{c}{s}" for c in "ab" for s in (".csv", ".jsonl", ".mp4", ".txt", "_global.txt")]
    shared = ["crops", "identities.jsonl", "map.png", "mosaic.mp4", "sightings.parquet"]
    assert names(out) == sorted([*each, *shared, *PICTURES, "topology.yaml"])
    rows = pyarrow.parquet.read_table(out / "sightings.parquet").to_pylist()
    final = {(row["camera"], row["track"]): row["identity"] for row in rows}
    assert set(final.values()) == {1, 2}
    for camera in "ab":
        own, over_all = mot(out / f"{camera}.txt"), mot(out / f"{camera}_global.txt")
        np.testing.assert_array_equal(np.delete(own, 1, 1), np.delete(over_all, 1, 1))
        assert [final[camera, int(track)] for track in own[:, 1]] == over_all[:, 1].tolist()
        with (out / f"{camera}.csv").open(newline="") as file:
            live = [row["identity"] for row in csv.DictReader(file)]
        said = [row["live_identity"] or "" for row in rows if row["camera"] == camera]
        assert live == [str(identity) for identity in said]
        assert live[0] == ""  # not sure yet, while the final identity is
    assert names(out / "crops") == ["identity-0001", "identity-0002"]
    for home in (out / "crops").iterdir():
        pictures = [cv2.imread(str(path)) for path in sorted(home.iterdir())]
        assert {path.name[0] for path in home.iterdir()} == {"a", "b"}
        reds = {bool(p[..., 2].mean() > p[..., 0].mean()) for p in pictures if p is not None}
        assert len(reds) == 1  # one walker is red, the other blue
    with av.open(str(out / "mosaic.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) == 40
        assert video.streams.video[0].codec_context.name == "h264"
    assert load_topology(out / "topology.yaml").passages == ()  # two ways are too few
    for picture in (*PICTURES, "map.png"):
        assert cv2.imread(str(out / picture)) is not None


@pytest.mark.slow
def test_the_same_run_gives_the_same_files(cameras: list[Path], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        assert track(cameras, tmp_path / folder, "--save-parquet") == 0
    for name in names(tmp_path / "one"):
        one, two = (tmp_path / folder / name for folder in ("one", "two"))
        if not name.endswith(".mp4"):
            assert one.read_bytes() == two.read_bytes(), name
    # x264 was seen to code equal pictures in more than one way; what is seen is the same.
    (images, times, _), (again, same_times, _) = (
        read_video(tmp_path / folder / "mosaic.mp4") for folder in ("one", "two")
    )
    assert times == same_times
    for one_image, other in zip(images, again, strict=True):
        assert np.abs(one_image.astype(int) - other).mean() < 1


@pytest.mark.slow
def test_learned_topology_can_be_given_back(cameras: list[Path], tmp_path: Path) -> None:
    assert track(cameras, tmp_path / "one", "--set", "match.learn_links=1") == 0
    learned = tmp_path / "one" / "topology.yaml"
    (passage,) = load_topology(learned).passages
    assert passage.between == ("a", "b")
    assert passage.overlap
    assert learned.read_text().startswith("# Learned from 2 transitions")
    assert track(cameras, tmp_path / "two", "--topology", learned) == 0
    assert "topology.yaml" not in names(tmp_path / "two")
    for name in ("a_global.txt", "b_global.txt"):
        one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
        assert one == two


def test_what_is_switched_off_is_not_there(cameras: list[Path], tmp_path: Path) -> None:
    options = ("--no-mosaic", "--no-save-pictures", "--no-save-mot", "--no-save-video")
    assert track(cameras, tmp_path / "out", *options) == 0
    assert names(tmp_path / "out") == ["a.jsonl", "b.jsonl", "identities.jsonl", "topology.yaml"]


def test_one_camera_has_none_of_it(cameras: list[Path], tmp_path: Path) -> None:
    assert track(cameras[:1], tmp_path / "out", "--save-crops") == 0
    assert names(tmp_path / "out") == ["a.jsonl", "a.mp4", "a.txt", "a_crops"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["timeline.png", "mosaic.mp4", "a_global.txt", "topology.yaml"])
def test_earlier_files_are_refused_before_any_work(
    name: str, cameras: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("mine")
    assert track(cameras, tmp_path / "out") == 1
    assert f"{name} exists already" in capsys.readouterr().err
    assert (tmp_path / "out" / name).read_text() == "mine"
    assert names(tmp_path / "out") == [name]
    assert track(cameras, tmp_path / "out", "--overwrite") == 0
    assert (tmp_path / "out" / name).read_bytes() != b"mine"


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files(
    cameras: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reid_tracker.cli import report

    counted: list[FrameResult] = []
    real = report.Report.count

    def count(self: report.Report, result: FrameResult) -> None:
        counted.append(result)
        if len(counted) == 30:
            raise KeyboardInterrupt
        real(self, result)

    monkeypatch.setattr(report.Report, "count", count)
    assert track(cameras, tmp_path / "out", "--save-parquet") == 130
    out = tmp_path / "out"
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(out / "sightings.parquet").to_pylist()
    lines = [json.loads(line) for path in out.glob("[ab].jsonl") for line in path.open()]
    assert len(lines) == 30
    assert len(rows) == sum(len(line["tracks"]) for line in lines)
    assert {row["identity"] for row in rows} == {1, 2}
    with av.open(str(out / "mosaic.mp4")) as video:
        times = [float(frame.time or 0) for frame in video.decode(video=0)]
    assert times[-1] == pytest.approx(max(line["timestamp_s"] for line in lines))
    for picture in PICTURES:
        assert cv2.imread(str(out / picture)) is not None
    assert not list(out.glob("*.part"))
