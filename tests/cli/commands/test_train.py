"""`reid-track train`: recipes, folders and one-line errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reid_tracker.cli import main as command_line
from reid_tracker.cli.main import main
from reid_tracker.config.checked import to_yaml
from reid_tracker.errors import ConfigError, InputError, OutputError
from reid_tracker.train import METRICS, RESULT
from tests.train.samples import tiny_recipe, write_cuhk03_crops


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(to_yaml(tiny_recipe(write_cuhk03_crops(tmp_path / "data"))))
    return file


def run(*words: object) -> int:
    return command_line.run(["train", *map(str, words), "--device", "cpu", "--threads", "1"])


@pytest.mark.slow
def test_main_job(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(recipe, "-o", tmp_path / "run", "--tensorboard") == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'run' / RESULT}\n"
    assert "epoch 2 (32 px)" in printed.err
    assert len((tmp_path / "run" / METRICS).read_text().splitlines()) == 2
    assert list((tmp_path / "run" / "tensorboard").iterdir())


@pytest.mark.slow
def test_quiet_says_nothing(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(recipe, "-o", tmp_path / "run", "--quiet")
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_data_and_settings_go_on_top(recipe: Path, tmp_path: Path) -> None:
    moved = shutil.move(tmp_path / "data", tmp_path / "moved")
    run(
        recipe, "-o", tmp_path / "run", "--data", moved, "--set", "phases=[{height: 32, width: 16}]"
    )
    assert len((tmp_path / "run" / METRICS).read_text().splitlines()) == 1


@pytest.mark.slow
def test_default_folder_is_named_after_the_recipe(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(recipe)
    assert (tmp_path / "runs" / "train-tiny" / RESULT).is_file()
    with pytest.raises(OutputError, match="--resume"):
        run(recipe)
    assert run(recipe, "--resume") == 0


@pytest.mark.slow
def test_prepare_trains_nothing(recipe: Path, tmp_path: Path) -> None:
    assert run(recipe, "-o", tmp_path / "run", "--prepare") == 0
    assert not (tmp_path / "run" / RESULT).exists()
    assert run(recipe, "-o", tmp_path / "run") == 0


@pytest.mark.slow
def test_several_recipes_build_on_each_other(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    second = tmp_path / "second.yaml"
    start = {"model": {"name": "osnet_x0_25", "weights": f"runs/train-tiny/{RESULT}"}}
    second.write_text(to_yaml(tiny_recipe(tmp_path / "data", **start)))
    with pytest.raises(ConfigError, match="one folder for 2 recipes"):
        run(recipe, second, "-o", tmp_path / "run")
    assert run(recipe) == 0
    before = (tmp_path / "runs" / "train-tiny" / METRICS).read_bytes()
    assert run(recipe, second, "--resume") == 0
    assert (tmp_path / "runs" / "train-tiny" / METRICS).read_bytes() == before
    assert (tmp_path / "runs" / "train-second" / RESULT).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "optimiser.speed=3"], r"unknown key 'optimiser\.speed'"),
        (["--set", "nonsense"], "expected key=value"),
        (["--threads", "0"], "--threads 0: expected at least 1"),
        (["--device", "abacus"], "--device abacus: not available here"),
    ],
)
def test_usage_errors(recipe: Path, tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        command_line.run(["train", str(recipe), "-o", str(tmp_path / "run"), *words])


def test_an_error_before_the_first_step_is_one_line(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [recipe, "-o", tmp_path / "run", "--data", tmp_path / "nowhere"]
    assert main(["train", *map(str, words), "--device", "cpu", "--threads", "1"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("reid-track: error: ")


def test_missing_and_empty_data_folders(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        run(recipe, "-o", tmp_path / "run", "--data", tmp_path / "nowhere")
    (tmp_path / "empty" / "train").mkdir(parents=True)
    with pytest.raises(InputError, match="no image in this folder"):
        run(recipe, "-o", tmp_path / "run", "--data", tmp_path / "empty")


@pytest.mark.slow
def test_a_folder_per_person_needs_no_layout_and_a_refused_start_leaves_nothing(
    recipe: Path, tmp_path: Path
) -> None:
    people = tmp_path / "people"
    for number, crop in enumerate(sorted((tmp_path / "data").rglob("*_0?.*"))):
        home = people / crop.name.partition("_")[0]
        home.mkdir(parents=True, exist_ok=True)
        shutil.copy(crop, home / f"{number}_c{number % 2}.png")
    (people / ".ipynb_checkpoints").mkdir()
    assert run(recipe, "-o", tmp_path / "run", "--data", people, "--quiet") == 0
    assert (tmp_path / "run" / RESULT).is_file()
    with pytest.raises(InputError):
        run(recipe, "-o", tmp_path / "refused" / "run", "--data", people / "none")
    assert not (tmp_path / "refused").exists()
