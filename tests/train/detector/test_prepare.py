from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from reid_tracker.errors import InputError, OutputError
from reid_tracker.train.detector import DetectorRecipe, prepare, prepare_pictures
from reid_tracker.train.detector.compose import Composer
from reid_tracker.train.detector.cutouts import Cutout
from reid_tracker.train.detector.pictures import Picture
from reid_tracker.video.images import read_picture
from tests.train.detector.samples import block_cutout, some_pictures, tiny_recipe, write_yolo_folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.suffix in (".jpg", ".txt"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def moments(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*.jpg")}


@pytest.fixture
def recipe(tmp_path: Path) -> DetectorRecipe:
    return tiny_recipe(tmp_path)


def test_yolo_form(recipe: DetectorRecipe, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    folder = tmp_path / "data"
    data_file = prepare_pictures(recipe, folder, lambda done, of: steps.append((done, of)))
    assert steps == [(number, 12) for number in range(1, 13)]
    data = yaml.safe_load(data_file.read_text())
    assert data == {
        "path": str(folder.resolve()),
        "train": "images/train",
        "val": "images/val",
        "names": {0: "person"},
    }
    for part, count in (("train", 8), ("val", 4)):
        images = sorted((folder / "images" / part).iterdir())
        labels = sorted((folder / "labels" / part).iterdir())
        assert [path.stem for path in images] == [path.stem for path in labels]
        assert [path.name for path in images] == [f"{number:06d}.jpg" for number in range(count)]
        for image in images:
            assert read_picture(image).shape == (64, 64, 3)
    rows = np.array(" ".join(path.read_text() for path in labels).split(), float).reshape(-1, 5)
    assert len(rows)
    assert (rows[:, 0] == 0).all()
    half = rows[:, 3:] / 2
    assert (rows[:, 1:3] - half >= -1e-5).all()
    assert (rows[:, 1:3] + half <= 1 + 1e-5).all()


def test_nothing_is_made_again_for_the_same_recipe(recipe: DetectorRecipe, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    prepare_pictures(recipe, folder)
    before = moments(folder)
    shutil.rmtree(tmp_path / "yolo")  # not even the sources are looked at
    longer = replace(recipe, epochs=99, lr=0.5)
    prepare_pictures(longer, folder, lambda *_: pytest.fail("made a picture"))
    assert moments(folder) == before


def test_the_same_recipe_gives_the_same_pictures(recipe: DetectorRecipe, tmp_path: Path) -> None:
    for name in ("a", "b"):
        prepare_pictures(recipe, tmp_path / name)
    prepare_pictures(replace(recipe, seed=2), tmp_path / "c")
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert first != other


def test_another_recipe_leaves_nothing_of_the_former(
    recipe: DetectorRecipe, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    prepare_pictures(recipe, folder)
    (folder / "labels" / "train.cache").touch()
    (folder / "images" / "train" / "mine.jpg").touch()
    fewer = replace(recipe, pictures=replace(recipe.pictures, training=3))
    prepare_pictures(fewer, folder)
    names = sorted(path.name for path in (folder / "images" / "train").iterdir())
    assert names == ["000000.jpg", "000001.jpg", "000002.jpg", "mine.jpg"]
    assert len(list((folder / "labels" / "train").iterdir())) == 3
    assert not (folder / "labels" / "train.cache").exists()


def test_an_unfinished_folder_is_made_again(recipe: DetectorRecipe, tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def stop(done: int, of: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_pictures(recipe, folder, stop)
    assert not (folder / "data.yaml").exists()
    prepare_pictures(recipe, folder)
    prepare_pictures(recipe, tmp_path / "whole")
    assert contents(folder) == contents(tmp_path / "whole")
    (folder / "recipe.json").unlink()
    made = []
    prepare_pictures(recipe, folder, lambda *step: made.append(step))
    assert len(made) == 12


def test_a_moved_folder_is_still_good(recipe: DetectorRecipe, tmp_path: Path) -> None:
    prepare_pictures(recipe, tmp_path / "data")
    moved = Path(shutil.move(tmp_path / "data", tmp_path / "moved"))
    data_file = prepare_pictures(recipe, moved, lambda *_: pytest.fail("made a picture"))
    assert yaml.safe_load(data_file.read_text())["path"] == str(moved.resolve())


Sources = list[tuple[Sequence[Picture], Sequence[Cutout]]]


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    """What the pictures of training and of validation are composed of."""
    seen: Sources = []

    class Spy(Composer):
        def __init__(self, recipe: Any, pictures: Any, cutouts: Any, generator: Any) -> None:
            seen.append((pictures, cutouts))
            super().__init__(recipe, pictures, cutouts, generator)

    monkeypatch.setattr(prepare, "Composer", Spy)
    return seen


@pytest.mark.parametrize(("count", "held_out"), [(200, 16), (96, 8), (95, 7), (30, 3), (2, 1)])
def test_held_out_sources_are_others(
    tmp_path: Path,
    sources: Sources,
    monkeypatch: pytest.MonkeyPatch,
    count: int,
    held_out: int,
) -> None:
    cutouts = [block_cutout() for _ in range(count)]
    monkeypatch.setattr(prepare, "collect_cutouts", lambda *_: cutouts)
    write_yolo_folder(tmp_path / "yolo", some_pictures(count, side=40))
    prepare_pictures(tiny_recipe(tmp_path), tmp_path / "data")
    (train, train_cutouts), (val, val_cutouts) = sources
    assert (len(train), len(val)) == (count - held_out, held_out)
    for mine, own in ((train, val), (train_cutouts, val_cutouts)):
        assert len(mine) + len(own) == count
        assert mine
        assert own
        assert not {id(item) for item in mine} & {id(item) for item in own}


def test_a_single_source_serves_both(tmp_path: Path, sources: Sources) -> None:
    write_yolo_folder(tmp_path / "yolo", some_pictures(1))
    prepare_pictures(tiny_recipe(tmp_path), tmp_path / "data")
    assert [len(pictures) for pictures, _ in sources] == [1, 1]


@pytest.mark.parametrize("key", ["box_folders", "mask_folder", "crop_folders"])
def test_missing_folders_are_found_before_the_work(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "collect_pictures", lambda _: pytest.fail("began to work"))
    missing = str(tmp_path / "nowhere")
    pictures = {key: missing if key == "mask_folder" else [missing], "crops": 5}
    with pytest.raises(InputError, match="nowhere: no such folder; get the data set"):
        prepare_pictures(tiny_recipe(tmp_path, pictures), tmp_path / "data")


def test_a_folder_that_cannot_be_written(recipe: DetectorRecipe, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot write .*file: "):
        prepare_pictures(recipe, tmp_path / "file")
