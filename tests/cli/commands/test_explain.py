"""`reid-track explain`: the pictures that it writes, and one-line errors."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import reid_tracker.explain
from reid_tracker.cli import main as command_line
from reid_tracker.cli import reid_data
from reid_tracker.cli.main import main
from reid_tracker.config import EncoderConfig
from reid_tracker.errors import (
    ConfigError,
    InputError,
    MissingDependencyError,
    OutputError,
    ReidTrackerError,
    WeightsError,
)
from reid_tracker.explain import Sheet, TrainingCurve
from reid_tracker.osnet import osnet_x0_25
from tests.conftest import shared
from tests.explain.synthetic import write_run

ALL = ["activation.png", "gate_clusters.png", "gate_profiles.png", "map.png", "ranked.png"]
PEOPLE = 5


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A folder for each person, with two images from each of two cameras."""
    generator = np.random.default_rng(0)
    for person in range(PEOPLE):
        folder = tmp_path / "people" / f"person{person}"
        folder.mkdir(parents=True)
        colour = generator.integers(0, 256, 3)
        for name in ("a_c1", "b_c1", "a_c2", "b_c2"):
            image = generator.integers(0, 80, (40, 20, 3)) + colour // 2
            cv2.imwrite(str(folder / f"{name}.png"), image.astype(np.uint8))
    return tmp_path / "people"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.save(osnet_x0_25().state_dict(), path)
    return path


def run(*words: object) -> int:
    return command_line.run(["explain", *map(str, words)])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_all_pictures_are_written_and_listed(
    crops: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "pictures"
    assert run(crops, "--encoder", checkpoint, "-o", output, "--images", 3, "--batch-size", 7) == 0
    assert names(output) == ALL
    printed = capsys.readouterr().out.splitlines()
    assert sorted(printed) == [str(output / name) for name in ALL]
    for name in ALL:
        image = cv2.imread(str(output / name))
        assert image is not None
        assert 300 < image.shape[1] <= 2000
        assert image.std() > 5


@pytest.mark.slow
def test_only_some_pictures_by_an_encoder_of_any_kind(crops: Path, tmp_path: Path) -> None:
    output = tmp_path / "pictures"
    pytest.importorskip("timm")
    words = ["--encoder", "timm:mobilenetv3_small_050?pretrained=0", "-o", output]
    assert run(crops, *words, "--only", "ranked", "map", "--quiet") == 0
    assert names(output) == ["map.png", "ranked.png"]


@pytest.mark.slow
def test_without_an_osnet_the_rest_is_drawn(
    crops: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    output = tmp_path / "pictures"
    pytest.importorskip("timm")
    assert run(crops, "--encoder", "timm:mobilenetv3_small_050?pretrained=0", "-o", output) == 0
    assert names(output) == ["map.png", "ranked.png"]
    assert "activation and gates are left out" in caplog.text


@pytest.mark.slow
def test_people_of_one_picture_are_drawn_but_not_ranked(
    crops: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in crops.glob("*/*"):
        if one.name != "a_c1.png":
            one.unlink()
    drawn: list[list[str]] = []

    def sheet(net: object, images: Sequence[object], labels: list[str], *, title: str) -> Sheet:
        assert len(images) == len(labels)
        drawn.append(labels)
        return Sheet(10, 10, "", "")

    monkeypatch.setattr(reid_tracker.explain, "activation_sheet", sheet)
    words = [crops, "--encoder", checkpoint, "--quiet", "-o", tmp_path / "pictures"]
    assert run(*words, "--only", "activation", "gates") == 0
    assert drawn == [[f"person {row}, camera 1" for row in range(1, PEOPLE + 1)]]
    with pytest.raises(InputError, match="this person has no other image"):
        run(*words, "--only", "activation", "ranked")


def test_titles_name_the_encoder_that_auto_means(
    crops: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    titles: list[str] = []

    def sheet(*inputs: object, title: str) -> Sheet:
        titles.append(title)
        return Sheet(10, 10, "", "")

    def resolve(config: EncoderConfig) -> EncoderConfig:
        assert config.model == "auto"
        return replace(config, model=str(checkpoint))

    monkeypatch.setattr(reid_tracker.explain, "activation_sheet", sheet)
    monkeypatch.setattr(reid_data, "resolve_model", resolve)
    assert run(crops, "--only", "activation", "--quiet", "-o", tmp_path / "pictures") == 0
    assert titles == [f"Activation maps: {checkpoint.name} on people"]


@pytest.mark.slow
def test_curves_need_no_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [write_run(tmp_path / name) for name in ("first", "second")]
    assert run("--curves", *runs, "-o", tmp_path / "pictures") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'pictures' / 'curves.png'}\n"


def test_runs_of_one_name_are_told_apart_by_their_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def sheet(curves: Sequence[TrainingCurve]) -> Sheet:
        shown.extend(curve.name for curve in curves)
        return Sheet(10, 10, "", "")

    monkeypatch.setattr(reid_tracker.explain, "curve_sheet", sheet)
    runs = [write_run(tmp_path / parent / "run") for parent in ("a", "b")]
    assert run("--curves", *runs, "--quiet", "-o", tmp_path / "pictures") == 0
    assert shown == [str(folder) for folder in runs]


@pytest.mark.slow
def test_without_the_package_onnx_the_rest_is_drawn(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load(model: str, *, device: str) -> None:
        raise MissingDependencyError("reading weights out of ONNX needs the package onnx")

    monkeypatch.setattr(reid_tracker.explain, "load_osnet", load)
    words = [crops, "--encoder", "osnet_x0_25", "-o", tmp_path / "x", "--quiet"]
    assert run(*words) == 0
    assert names(tmp_path / "x") == ["map.png", "ranked.png"]
    assert "needs the package onnx" in caplog.text
    with pytest.raises(MissingDependencyError, match="onnx"):
        run(*words, "--overwrite", "--only", "gates")


@pytest.mark.slow
def test_curves_beside_a_data_set(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    words = [crops, "--encoder", checkpoint, "--only", "activation", "-o", tmp_path / "pictures"]
    assert run(*words, "--curves", write_run(tmp_path / "first"), "--quiet") == 0
    assert names(tmp_path / "pictures") == ["activation.png", "curves.png"]


@pytest.mark.slow
def test_quiet_prints_nothing(
    crops: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [crops, "--encoder", checkpoint, "--only", "ranked", "--quiet"]
    assert run(*words, "-o", tmp_path / "pictures") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


@pytest.mark.slow
def test_default_folder_is_new_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "first")
    for _ in range(2):
        assert run("--curves", "first", "--quiet") == 0
    assert names(tmp_path / "runs") == ["explain-first", "explain-first-2"]


@pytest.mark.slow
def test_the_same_pictures_in_every_run(crops: Path, checkpoint: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(crops, "--encoder", checkpoint, "--device", "cpu", "--quiet", "-o", tmp_path / name)
    for name in ALL:
        first, second = ((tmp_path / run / name).read_bytes() for run in ("one", "two"))
        assert first == second, name


class TestErrors:
    """Each is one line, and comes before anything is computed where that is possible."""

    def fails(self, kind: type[ReidTrackerError], *words: object) -> str:
        with pytest.raises(kind) as raised:
            run(*words, "--quiet")
        return str(raised.value)

    def test_nothing_to_explain(self) -> None:
        assert "name a data set" in self.fails(ConfigError)

    def test_only_without_a_data_set(self, tmp_path: Path) -> None:
        assert "--only map" in self.fails(ConfigError, "--curves", tmp_path, "--only", "map")

    @pytest.mark.parametrize("words", [("--images", 0), ("--images", 201), ("--batch-size", 0)])
    def test_number_out_of_range(self, crops: Path, words: tuple[str, int]) -> None:
        assert f"{words[0]} {words[1]}: expected" in self.fails(ConfigError, crops, *words)

    def test_unknown_kind(self, crops: Path) -> None:
        with pytest.raises(SystemExit) as stop:
            run(crops, "--only", "dreams")
        assert stop.value.code == 2

    def test_missing_data_set(self, tmp_path: Path) -> None:
        words = [tmp_path / "nowhere", "-o", tmp_path / "pictures"]
        assert "no such folder" in self.fails(InputError, *words)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("module", ["matplotlib.figure", "sklearn.manifold"])
    def test_extra_not_installed(
        self, crops: Path, tmp_path: Path, module: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, module, None)
        words = [crops, "--encoder", "osnet_x0_25", "-o", tmp_path / "x", "--only", "map"]
        assert "reid-tracker[explain]" in self.fails(MissingDependencyError, *words)
        assert not (tmp_path / "x").exists()

    def test_no_osnet_where_one_is_needed(self, crops: Path, tmp_path: Path) -> None:
        words = [crops, "--encoder", "timm:resnet18", "--only", "gates", "-o", tmp_path / "x"]
        assert "not an OSNet" in self.fails(WeightsError, *words)

    def test_unknown_encoder_is_one_line(
        self, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert (
            main(["explain", str(crops), "--encoder", "osnet_x9", "-o", str(tmp_path / "x")]) == 2
        )
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "did you mean" in line

    @pytest.mark.slow
    def test_picture_exists(self, crops: Path, checkpoint: Path, tmp_path: Path) -> None:
        output = tmp_path / "pictures"
        output.mkdir()
        (output / "ranked.png").write_text("precious")
        words = [crops, "--encoder", checkpoint, "-o", output, "--only", "activation", "ranked"]
        assert "--overwrite" in self.fails(OutputError, *words)
        assert names(output) == ["ranked.png"]
        assert (output / "ranked.png").read_text() == "precious"
        assert run(*words, "--quiet", "--overwrite") == 0
        assert names(output) == ["activation.png", "ranked.png"]

    def test_damaged_picture(self, crops: Path, checkpoint: Path, tmp_path: Path) -> None:
        (crops / "person0" / "a_c1.png").write_bytes(b"no picture")
        words = [crops, "--encoder", checkpoint, "-o", tmp_path / "x"]
        assert "a_c1.png" in self.fails(InputError, *words)

    def test_nobody_to_find(self, crops: Path, checkpoint: Path, tmp_path: Path) -> None:
        for path in crops.glob("*/*_c2.png"):
            path.rename(path.with_name(path.name.replace("c2", "c1").replace("_", "2_")))
        shutil.copytree(crops / "person0", crops / "person9")
        for path in (crops / "person9").iterdir():
            path.rename(path.with_name(path.name.replace("c1", "c2")))
        words = [crops, "--encoder", checkpoint, "--only", "ranked", "-o", tmp_path / "x"]
        assert "nothing to rank" in self.fails(InputError, *words)

    def test_one_line_by_the_command_line(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["explain", "--curves", str(tmp_path)]) == 1
        assert main(["explain"]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 2
        assert all(line.startswith("reid-track: error: ") for line in lines)


@pytest.mark.shared
@pytest.mark.slow
def test_osnet_out_of_an_onnx_file(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    words = [shared("data", "reid", "cuhk03"), "--device", "cpu", "-o", tmp_path]
    words += ["--encoder", shared("weights", "osnet_x0_25_msmt17.onnx")]
    assert run(*words, "--quiet") == 0
    assert names(tmp_path) == ALL
