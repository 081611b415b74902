"""A real training by ultralytics, on a few small pictures and a network of two layers."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest
import torch

from reid_tracker.config.checked import to_yaml
from reid_tracker.detect import build_detector
from reid_tracker.detect.ultralytics_backend import import_yolo
from reid_tracker.errors import ConfigError, OutputError
from reid_tracker.train.detector import DetectorRecipe, prepare_pictures, train_detector
from reid_tracker.train.detector.yolo import _export, find_checkpoint
from tests.conftest import ROOT
from tests.train.detector.samples import tiny_recipe
from tests.waiting import wait_until

LAST = Path("ultralytics", "weights", "last.pt")
_CODE = (
    "import sys; from reid_tracker.cli.main import run; "
    "sys.exit(run(['train-detector', *sys.argv[1:]]))"
)


def train(recipe: DetectorRecipe, folder: Path, **options: Any) -> Path:
    return train_detector(
        recipe, folder, prepare_pictures(recipe, folder / "data"), threads=1, **options
    )


def checkpoint(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = torch.load(folder / LAST, map_location="cpu", weights_only=False)
    return loaded


def weights(file: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = import_yolo()(str(file)).model.state_dict()
    return state


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[DetectorRecipe, Path]:
    """A recipe and the folder of its finished run; copy it to change it."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = tiny_recipe(folder)
    train(recipe, folder / "run")
    return recipe, folder / "run"


@pytest.mark.slow
def test_the_weights_are_a_person_detector(finished: tuple[DetectorRecipe, Path]) -> None:
    file = finished[1] / "person_tiny.pt"
    detector = build_detector(file, conf=0.0, image_size=64)
    found = detector.detect(np.zeros((64, 48, 3), np.uint8))
    assert len(found)
    assert set(found.classes.tolist()) == {0}
    model = import_yolo()(str(file)).model
    assert model.names == {0: "person"}
    saved = torch.load(file, map_location="cpu", weights_only=False)["model"]
    assert {value.dtype for value in saved.state_dict().values() if value.is_floating_point()} == {
        torch.float16
    }
    assert type(saved).__module__.startswith("ultralytics.")


@pytest.mark.slow
def test_the_weights_tell_nothing_of_the_machine(finished: tuple[DetectorRecipe, Path]) -> None:
    recipe, folder = finished
    file = folder / "person_tiny.pt"
    with zipfile.ZipFile(file) as archive:
        (pickled,) = (archive.read(name) for name in archive.namelist() if name.endswith(".pkl"))
        assert {item.date_time[0] for item in archive.infolist()} == {1980}
    for secret in (str(folder), str(Path.home()), recipe.architecture, socket.gethostname()):
        assert secret.encode() not in pickled
    assert not re.search(rb"20\d\d-\d\d-\d\d", pickled)
    assert b"optimizer" not in pickled
    saved = torch.load(file, map_location="cpu", weights_only=False)
    assert saved.keys() == {"model", "train_args", "license"}
    assert saved["model"].yaml["yaml_file"] == "tiny.yaml"


@pytest.mark.slow
def test_pictures_change_the_weights(finished: tuple[DetectorRecipe, Path]) -> None:
    recipe, folder = finished
    trained = weights(folder / "person_tiny.pt")
    untrained = import_yolo()(recipe.architecture).model.state_dict()
    moved = [key for key in trained if key.endswith("running_mean")]
    assert moved
    assert all(not trained[key].equal(untrained[key].to(trained[key].dtype)) for key in moved)


@pytest.mark.slow
def test_resuming_a_finished_run_writes_the_same_weights(
    finished: tuple[DetectorRecipe, Path], tmp_path: Path
) -> None:
    recipe, folder = finished
    again = Path(shutil.copytree(folder, tmp_path / "copy"))
    (again / "person_tiny.pt").unlink()
    before = (again / LAST).read_bytes()
    result = train(recipe, again, resume=True)
    assert (again / LAST).read_bytes() == before, "not trained on"
    first, second = weights(folder / "person_tiny.pt"), weights(result)
    assert all(first[key].equal(second[key]) for key in first)


@pytest.mark.slow
def test_a_finished_run_is_not_overwritten(finished: tuple[DetectorRecipe, Path]) -> None:
    recipe, folder = finished
    with pytest.raises(OutputError, match="holds an earlier run; continue it with --resume"):
        train(recipe, folder)


def start(recipe: Path, folder: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [str(recipe), "-o", str(folder), "--threads", "1", "--quiet", *more]
    return subprocess.Popen([sys.executable, "-c", _CODE, *words], cwd=ROOT)


@pytest.mark.long
def test_a_killed_run_goes_on_where_its_folder_is_now(tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path, epochs=60)
    file = tmp_path / "recipe.yaml"
    file.write_text(to_yaml(recipe))
    process = start(file, tmp_path / "run")
    last = tmp_path / "run" / LAST
    wait_until(lambda: last.is_file() or process.poll() is not None)
    first = last.stat().st_mtime_ns
    wait_until(lambda: last.stat().st_mtime_ns != first or process.poll() is not None)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert not (tmp_path / "run" / "person_tiny.pt").exists()
    moved = Path(shutil.move(tmp_path / "run", tmp_path / "moved"))
    done = checkpoint(moved)["epoch"] + 1
    assert 0 < done < 60
    assert start(file, moved, "--resume").wait() == 0
    assert (moved / "person_tiny.pt").is_file()
    assert not (tmp_path / "run").exists(), "nothing is written where the folder was"
    epochs = (moved / "ultralytics" / "results.csv").read_text().splitlines()[1:]
    numbers = [int(line.split(",")[0]) for line in epochs]
    assert sorted(set(numbers)) == list(range(1, 61))
    # ultralytics writes figures before the checkpoint: an epoch killed between them runs again
    assert len(numbers) <= 61, "no finished epoch was trained twice"


@pytest.mark.slow
@pytest.mark.parametrize("bfloat16", [False, True])
def test_precision_and_threads(
    tmp_path: Path, bfloat16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    from ultralytics.nn.tasks import DetectionModel

    plain = DetectionModel.predict

    def spy(self: Any, *words: Any, **options: Any) -> Any:
        if self.training:
            seen.append((torch.get_num_threads(), torch.is_autocast_enabled("cpu")))
        return plain(self, *words, **options)

    monkeypatch.setattr(DetectionModel, "predict", spy)
    # ultralytics sets a number of its own for the CPU; here one that nobody asks for
    monkeypatch.setattr("ultralytics.utils.torch_utils.NUM_THREADS", 3)
    train(replace(tiny_recipe(tmp_path), epochs=1, bfloat16=bfloat16), tmp_path / "run")
    assert set(seen[-2:]) == {(1, bfloat16)}


@pytest.mark.slow
def test_nothing_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def refuse(*words: Any, **_: Any) -> NoReturn:
        asked.append(words)
        raise OSError("no network in this test")

    import_yolo()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    train(replace(tiny_recipe(tmp_path), epochs=1), tmp_path / "run")
    assert asked == []


def test_unknown_architecture(tmp_path: Path) -> None:
    recipe = DetectorRecipe(architecture="yolo99q.yaml")
    with pytest.raises(ConfigError, match=r"architecture = yolo99q\.yaml: expected a model of ul"):
        train_detector(recipe, tmp_path, tmp_path / "data.yaml")


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"last\.pt: no checkpoint; start without --resume"):
        train_detector(DetectorRecipe(), tmp_path, tmp_path / "data.yaml", resume=True)
    assert find_checkpoint(tmp_path, resume=False) == tmp_path / LAST


def test_full_disk_leaves_the_weights_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = torch.nn.Linear(2, 2)
    net.yaml = {"yaml_file": "/home/somebody/tiny.yaml"}  # type: ignore[assignment]
    result = tmp_path / "person_tiny.pt"
    _export(SimpleNamespace(model=net), result)
    before = result.read_bytes()

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OutputError, match="No space left on device; the previous one is unharmed"):
        _export(SimpleNamespace(model=net), result)
    assert result.read_bytes() == before
    assert list(tmp_path.iterdir()) == [result]
