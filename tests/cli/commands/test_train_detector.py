"""`reid-track train-detector`: results, folders and one-line errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.cli.main import main
from reid_tracker.config.checked import to_yaml
from reid_tracker.detect import build_detector
from tests.train.detector.samples import tiny_recipe

CHECKPOINT = Path("ultralytics", "weights", "last.pt")


@pytest.fixture(autouse=True)
def own_ultralytics_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "settings"))


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.recipe.yaml"
    file.write_text(to_yaml(tiny_recipe(tmp_path)))
    return file


def run(*words: object) -> int:
    return main(["train-detector", *map(str, words), "--threads", "1"])


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one error line on standard error, without the progress."""
    lines = capsys.readouterr().err.splitlines()
    lines = [line for line in lines if "composing" not in line and ": INFO: " not in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("reid-track: error: ")
    return lines[0]


@pytest.mark.slow
def test_main_job(recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "run"
    assert run(recipe, "-o", output, "--set", "epochs=1") == 0
    printed = capfd.readouterr()
    # ultralytics adds its own bars if another test has imported it directly.
    assert printed.out.endswith(f"{output / 'person_tiny.pt'}\n")
    assert "gathering pictures and people" in printed.err
    build_detector(output / "person_tiny.pt", image_size=64)

    assert run(recipe, "-o", output) == 1
    assert f"{output} holds an earlier run; continue it with --resume" in error_line(capfd)
    assert run(recipe, "-o", output, "--set", "epochs=1", "--resume", "--quiet") == 0
    quiet = capfd.readouterr()
    assert "person_tiny.pt" not in quiet.out
    assert "composing" not in quiet.err
    assert "INFO" not in quiet.err


def test_prepare_trains_nothing(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    assert run(recipe, "-o", output, "--prepare", "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    assert (output / "data" / "data.yaml").is_file()
    assert not (output / "ultralytics").exists()


def test_default_folder_is_named_after_the_recipe(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(recipe, "--prepare", "--quiet", "--set", "pictures.training=1") == 0
    pictures = tmp_path / "runs" / "train-tiny.recipe" / "data" / "images" / "train"
    assert len(list(pictures.iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--set", "pictures.trainings=3"],
            "unknown key 'pictures.trainings': did you mean 'pictures.training'",
        ),
        (["--set", "nonsense"], "'nonsense': expected key="),
        (["--set", "epochs=none"], "epochs = 'none': expected a whole number"),
        (["--threads", "0"], "--threads 0: expected at least 1"),
        (["--workers", "-1"], "--workers -1: expected at least 0"),
        (["--set", "architecture=yolo11n.pt"], "architecture = yolo11n.pt: expected a model desc"),
        (["--resume"], "last.pt: no checkpoint; start without --resume"),
    ],
)
def test_usage_errors(
    recipe: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train-detector", str(recipe), "-o", str(tmp_path / "run"), *words]) == 2
    assert message in error_line(capsys)
    assert not (tmp_path / "run" / "data").exists(), "found out before pictures are composed"


def test_unknown_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("nonsense", "-o", tmp_path / "run") == 2
    assert "no recipe 'nonsense': expected a YAML file or one of" in error_line(capsys)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("pictures.box_folders", "no such folder; get the data set, or change the recipe"),
        ("pictures.mask_folder", "no such folder; get the data set, or change the recipe"),
        ("pictures.teacher", "no such file or folder; expected a model file"),
    ],
)
def test_missing_data(
    recipe: Path, tmp_path: Path, key: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere" / "at_all"
    assert run(recipe, "-o", tmp_path / "run", "--set", f"{key}={nowhere}") == 1
    assert f"{nowhere}: {message}" in error_line(capsys)


def test_empty_data(recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    box_folders = f"pictures.box_folders={tmp_path / 'empty'}"
    assert run(recipe, "-o", tmp_path / "run", "--set", box_folders) == 1
    assert "empty: no label file below labels/; expected a data set" in error_line(capsys)


@pytest.mark.slow
def test_a_damaged_checkpoint(
    recipe: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    last = tmp_path / "run" / CHECKPOINT
    last.parent.mkdir(parents=True)
    last.write_bytes(b"PK\x03\x04 not a checkpoint")
    assert run(recipe, "-o", tmp_path / "run", "--resume") == 1
    assert "last.pt: not a checkpoint, or damaged (" in error_line(capfd)
