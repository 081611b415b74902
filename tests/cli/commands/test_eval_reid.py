"""`reid-track eval-reid`: scores, files and one-line errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import reid_tracker.cli.commands.eval_reid as module
from reid_tracker.cli import main, reid_data
from reid_tracker.cli.reid_data import guess_format
from reid_tracker.config import EncoderConfig
from reid_tracker.errors import ConfigError, InputError, OutputError, ReidTrackerError
from reid_tracker.types import Boxes, Embeddings, ImageBGR
from tests.conftest import shared

PEOPLE = 4
BEST = Path("models", "best.onnx")
"""Stands for the file that "auto" means."""


class MeanColour:
    """An encoder that always distinguishes people of plain colours."""

    embedding_size = 3

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size
        self.encoded = 0

    def encode_batch(self, images: Sequence[ImageBGR], boxes: Sequence[Boxes]) -> list[Embeddings]:
        assert len(images) <= self.batch_size
        self.encoded += len(images)
        for image, box in zip(images, boxes, strict=True):
            assert box.tolist() == [[0, 0, image.shape[1], image.shape[0]]]
        return [image.mean(axis=(0, 1))[None].astype(np.float32) for image in images]


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> MeanColour:
    """Stand in for the encoder that the command line names."""
    stand_in = MeanColour(64)

    def build(config: EncoderConfig) -> MeanColour:
        assert config.model in ("colour", str(BEST))
        stand_in.batch_size = config.batch_size
        return stand_in

    monkeypatch.setattr(module, "build_encoder", build)
    return stand_in


def paint(path: Path, person: int) -> None:
    """Write an image in the colour of a person; each has another size."""
    colour = np.random.default_rng(person).integers(0, 256, 3)
    size = 8 + sum(path.name.encode()) % 7
    path.parent.mkdir(parents=True, exist_ok=True)
    image: npt.NDArray[np.uint8] = np.full((2 * size, size, 3), colour, np.uint8)
    cv2.imwrite(str(path), image)


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A small version of CUHK03's crops: two images of each person from each camera."""
    for side in ("train", "val"):
        for person in range(PEOPLE):
            for picture in (0, 1, 5, 6):
                paint(tmp_path / "crops" / side / f"{person:04}_{picture:02}.png", person)
    return tmp_path / "crops"


def run(*words: object) -> int:
    return main.run(["eval-reid", *map(str, words), "--encoder", "colour"])


def test_table(crops: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(crops) == 0
    title, heads, row = capsys.readouterr().out.splitlines()
    assert "cuhk03_crops, cosine" in title
    values = dict(zip(heads.split(), row.split(), strict=True))
    assert values["rank-1"] == values["rank-20"] == values["mAP"] == values["mINP"] == "1.000"
    assert (values["queries"], values["gallery"], values["skipped"]) == ("8", "8", "0")
    assert encoder.encoded == 16


@pytest.mark.parametrize(
    "options",
    [
        ("--format", "cuhk03-crops", "--batch-size", 3),
        ("--metric", "euclidean", "--rerank"),
        ("--protocol", "cuhk03-classic", "--seed", 3),
    ],
)
def test_options(crops: Path, encoder: MeanColour, options: tuple[object, ...]) -> None:
    saved = crops / "scores.json"
    assert run(crops, "--quiet", "--save-json", saved, *options) == 0
    scores = json.loads(saved.read_text())
    assert scores["rank-1"] == scores["mAP"] == 1
    assert scores["reranking"] == ("--rerank" in options)
    assert (scores["format"], scores["encoder"]) == ("cuhk03_crops", "colour")


def test_without_an_encoder_the_best_is_taken_and_named(
    crops: Path,
    encoder: MeanColour,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def resolve(config: EncoderConfig) -> EncoderConfig:
        assert (config.model, config.device) == ("auto", "cpu")
        return replace(config, model=str(BEST))

    monkeypatch.setattr(reid_data, "resolve_model", resolve)
    saved = crops / "scores.json"
    assert main.run(["eval-reid", str(crops), "--device", "cpu", "--save-json", str(saved)]) == 0
    assert json.loads(saved.read_text())["encoder"] == str(BEST)
    assert BEST.name in capsys.readouterr().out.splitlines()[0]


def test_quiet_prints_nothing(
    crops: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(crops, "--quiet") == 0
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_people_without_a_match_are_counted(
    crops: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    for picture in (5, 6):
        (crops / "val" / f"0001_{picture:02}.png").unlink()
    assert run(crops) == 0
    assert capsys.readouterr().out.split()[-3:] == ["8", "6", "2"]


def write_folders(root: Path, names: Sequence[str]) -> Path:
    """Write a folder for each of three people, with the same file names in each."""
    for person in range(3):
        for name in names:
            paint(root / f"person{person}" / f"{name}.png", person)
    return root


def test_folders_of_known_cameras_follow_the_camera_rule(
    tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without separate queries, every image is a query for all others."""
    root = write_folders(tmp_path, ["a_c1", "b_c1", "a_c2"])
    paint(root / "person3" / "a_c1.png", 3)
    paint(root / "person3" / "b_c1.png", 3)
    assert run(root) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("folder, ")
    assert printed.split()[-3:] == ["11", "11", "2"]
    assert encoder.encoded == 11


def test_without_known_cameras_a_picture_leaves_out_itself(
    tmp_path: Path,
    encoder: MeanColour,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert run(write_folders(tmp_path, ["a", "b"])) == 0
    assert capsys.readouterr().out.split()[-3:] == ["6", "6", "0"]
    assert "one camera" in caplog.text


def test_csv(tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]) -> None:
    write_folders(tmp_path, ["a", "b"])
    lines = ["path,identity,camera,split"]
    for person in range(3):
        lines += [
            f"person{person}/a.png,p{person},entrance,query",
            f"person{person}/b.png,p{person},exit,gallery",
            f"person{person}/b.png,q{person},exit,train",
        ]
    test_alone = [line for line in lines if not line.endswith("train")]
    for rows in (lines, test_alone):
        (tmp_path / "people.csv").write_text("\n".join(rows) + "\n")
        assert run(tmp_path / "people.csv") == 0
        assert capsys.readouterr().out.split()[-3:] == ["3", "3", "0"]


def test_market1501(
    tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    """Junk images are not in the gallery; distractors are, as wrong answers."""
    for person in (1, 2):
        paint(tmp_path / "bounding_box_train" / f"{person:04}_c1s1_000001_00.jpg", person)
        paint(tmp_path / "query" / f"{person:04}_c1s1_000001_00.jpg", person)
        paint(tmp_path / "bounding_box_test" / f"{person:04}_c2s1_000001_00.jpg", person)
    paint(tmp_path / "bounding_box_test" / "-1_c2s1_000001_00.jpg", 1)
    paint(tmp_path / "bounding_box_test" / "0000_c2s1_000001_00.jpg", 2)
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("market1501, ")
    row = printed.splitlines()[-1].split()
    assert row[:2] == ["0.500", "1.000"]
    assert row[-3:] == ["2", "3", "0"]


def test_folders_of_a_test_alone(
    tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without train/, the identities are the folders below query/ and gallery/."""
    for person in range(3):
        paint(tmp_path / "query" / f"person{person}" / "a_c1.png", person)
        paint(tmp_path / "gallery" / f"person{person}" / "a_c2.png", person)
    paint(tmp_path / "gallery" / "stranger" / "a_c2.png", 9)
    assert run(tmp_path) == 0
    row = capsys.readouterr().out.splitlines()[-1].split()
    assert row[0] == "1.000"
    assert row[-3:] == ["3", "4", "0"]


@pytest.mark.parametrize("sign", ["", "cuhk03_crops"])
def test_crops_without_training_images(
    crops: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str], sign: str
) -> None:
    shutil.rmtree(crops / "train")
    assert run(crops, *(["--format", sign] if sign else [])) == 0
    assert capsys.readouterr().out.split()[-3:] == ["8", "8", "0"]


def test_market1501_without_training_images(
    tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    for person in (1, 2):
        paint(tmp_path / "m" / "query" / f"{person:04}_c1s1_000001_00.jpg", person)
        paint(tmp_path / "m" / "bounding_box_test" / f"{person:04}_c2s1_000001_00.jpg", person)
    assert run(tmp_path) == 0
    assert capsys.readouterr().out.split()[-3:] == ["2", "2", "0"]


def test_msmt17_without_training_images(
    tmp_path: Path, encoder: MeanColour, capsys: pytest.CaptureFixture[str]
) -> None:
    for side, camera in (("query", 1), ("gallery", 2)):
        names = [f"{person:04}/{person:04}_000_{camera:02}_noon_0_0.png" for person in range(2)]
        for person, name in enumerate(names):
            paint(tmp_path / "test" / name, person)
        lines = (f"{name} {person}\n" for person, name in enumerate(names))
        (tmp_path / f"list_{side}.txt").write_text("".join(lines))
    assert run(tmp_path) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("msmt17, ")
    assert printed.split()[-3:] == ["2", "2", "0"]


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        ("bounding_box_test", "market1501"),
        ("Market-1501/bounding_box_test", "market1501"),
        ("list_query.txt", "msmt17"),
        ("cuhk03_release/cuhk-03.mat", "cuhk03"),
        ("val", "cuhk03_crops"),
        ("anna", "folder"),
    ],
)
def test_format_is_guessed_from_the_files(tmp_path: Path, sign: str, expected: str) -> None:
    (tmp_path / sign).mkdir(parents=True)
    assert guess_format(tmp_path) == expected


class TestErrors:
    """Each is one line, raised before anything is encoded where that is possible."""

    def fails(self, kind: type[ReidTrackerError], *words: object) -> str:
        with pytest.raises(kind) as raised:
            run(*words, "--quiet")
        return str(raised.value)

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert "nowhere: no such folder" in self.fails(InputError, tmp_path / "nowhere")

    def test_empty_folder(self, crops: Path) -> None:
        shutil.rmtree(crops / "val")
        (crops / "val").mkdir()
        message = self.fails(InputError, crops)
        assert "val" in message
        assert "no image" in message

    def test_unknown_format(self, crops: Path) -> None:
        message = self.fails(ConfigError, crops, "--format", "cuhk04")
        assert message.startswith("--format cuhk04: expected auto, market1501, ")
        assert "cuhk03-crops" in message

    def test_empty_text_is_not_the_current_folder(
        self, crops: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(crops)
        assert "DATASET is empty" in self.fails(ConfigError, "")

    @pytest.mark.parametrize(("option", "value"), [("--seed", -1), ("--batch-size", 0)])
    def test_numbers_out_of_range(self, crops: Path, option: str, value: int) -> None:
        message = self.fails(ConfigError, crops, "--protocol", "cuhk03-classic", option, value)
        assert message.startswith(f"{option} {value}: expected at least ")

    def test_identity_with_one_image(self, tmp_path: Path) -> None:
        root = write_folders(tmp_path, ["a", "b"])
        paint(root / "person3" / "single.png", 3)
        message = self.fails(InputError, root)
        assert "single.png" in message
        assert "no other image" in message

    @pytest.mark.parametrize(
        ("folder", "message"),
        [("query", "queries but no gallery"), ("gallery", "a gallery but no queries")],
    )
    def test_half_a_test(self, tmp_path: Path, folder: str, message: str) -> None:
        """Training images are not scored instead."""
        write_folders(tmp_path / "train", ["a", "b"])
        write_folders(tmp_path / folder, ["a", "b"])
        assert message in self.fails(InputError, tmp_path)

    def test_junk_alone(self, tmp_path: Path) -> None:
        for folder in ("query", "bounding_box_test"):
            paint(tmp_path / folder / "-1_c2s1_000001_00.jpg", 1)
        assert "no queries and no images" in self.fails(InputError, tmp_path)

    def test_camera_column_absent(self, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text("path,identity\na.png,1\n")
        assert "no column 'camera'" in self.fails(InputError, tmp_path / "people.csv")

    def test_one_line_by_the_command_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ["eval-reid", str(tmp_path), "--encoder", "colour"]
        assert main.main(words) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("reid-track: error: ")
        assert "no images" in lines[0]

    def test_nothing_to_score(self, crops: Path, encoder: MeanColour) -> None:
        for path in (crops / "val").glob("*_0[56].png"):
            path.rename(path.with_stem(f"0009_{path.stem[-2:]}"))
        assert "none of 8 queries" in self.fails(InputError, crops)

    def test_damaged_image(self, crops: Path, encoder: MeanColour) -> None:
        (crops / "val" / "0000_00.png").write_bytes(b"no picture")
        assert "0000_00.png" in self.fails(InputError, crops)

    def test_unknown_option(self, crops: Path) -> None:
        with pytest.raises(SystemExit) as stop:
            run(crops, "--metric", "manhattan")
        assert stop.value.code == 2

    def test_json_exists(self, crops: Path, encoder: MeanColour) -> None:
        saved = crops / "scores.json"
        saved.write_text("precious")
        assert "--overwrite" in self.fails(OutputError, crops, "--save-json", saved)
        assert saved.read_text() == "precious"
        assert encoder.encoded == 0
        assert run(crops, "--quiet", "--save-json", saved, "--overwrite") == 0
        assert json.loads(saved.read_text())["mAP"] == 1

    def test_json_in_a_missing_folder(self, crops: Path) -> None:
        saved = crops / "nowhere" / "scores.json"
        assert "does not exist" in self.fails(OutputError, crops, "--save-json", saved)


@pytest.mark.slow
@pytest.mark.shared
def test_figures_of_the_msmt17_encoder_on_cuhk03(tmp_path: Path) -> None:
    """Bar 4 of issue 3, by the command line."""
    words = [shared("data", "reid", "cuhk03"), "--save-json", tmp_path / "scores.json", "--quiet"]
    words += ["--encoder", shared("weights", "osnet_x0_25_msmt17.onnx"), "--device", "cpu"]
    assert main.run(["eval-reid", *map(str, words)]) == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["rank-1"] == pytest.approx(0.537, abs=0.005)
    assert scores["mAP"] == pytest.approx(0.521, abs=0.005)
    assert scores["queries"] + scores["gallery"] == 938
