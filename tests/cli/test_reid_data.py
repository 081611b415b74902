"""Data sets at the command line: their layout and their people."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.cli.reid_data import guess_format, label_sides, open_sides
from reid_tracker.errors import ConfigError, InputError


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((8, 4, 3), np.uint8))
    return path


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("query/0001_c1s1_000151_01.jpg", "folder"),
        ("bounding_box_test/0001_c1s1_000151_01.jpg", "market1501"),
        ("Market/bounding_box_train/0001_c1s1_000151_01.jpg", "market1501"),
        ("list_query.txt", "msmt17"),
        ("val/0012_07.png", "cuhk03_crops"),
        ("val/anna/0012_07.png", "folder"),
        ("anna/1.jpg", "folder"),
    ],
)
def test_the_layout_follows_from_the_files(file: str, name: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert guess_format(tmp_path) == name
    assert guess_format(tmp_path / file) == "csv"


def test_hidden_entries_are_no_people_and_no_pictures(tmp_path: Path) -> None:
    for person in ("anna", "ben"):
        for number in (1, 2):
            picture(tmp_path / person / f"{number}.jpg")
    for name in (
        *(".ipynb_checkpoints/1.jpg", ".Trash-1000/files/1.jpg", "@eaDir/1.jpg", "__MACOSX/1.jpg"),
        *("anna/._1.jpg", "anna/.thumbnails/1.jpg", "ben/@eaDir/1.jpg", "ben/Thumbs.db"),
        "#recycle/1.jpg",
    ):
        picture(tmp_path / "x.jpg").rename(_made(tmp_path / name))
    name, queries, gallery = open_sides(tmp_path, "auto", "new")
    assert name == "folder"
    assert queries is gallery
    assert sorted(path.relative_to(tmp_path).as_posix() for path in queries.paths) == [
        *("anna/1.jpg", "anna/2.jpg", "ben/1.jpg", "ben/2.jpg"),
    ]


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_splits_of_a_folder_per_person(tmp_path: Path) -> None:
    for split in ("train", "val", "query", "gallery"):
        picture(tmp_path / split / "anna" / f"{split}_c1.jpg")
        picture(tmp_path / split / "ben" / f"{split}_c2.jpg")
    name, queries, gallery = open_sides(tmp_path, "auto", "new")
    assert name == "folder"
    assert {path.parts[-3] for path in queries.paths} == {"query"}
    assert {path.parts[-3] for path in gallery.paths} == {"gallery"}


@pytest.mark.parametrize("held", ["val", "test"])
def test_people_kept_from_training_are_the_test(held: str, tmp_path: Path) -> None:
    for split in ("train", held):
        for number in (1, 2):
            picture(tmp_path / split / "anna" / f"{number}.jpg")
            picture(tmp_path / split / f"0002_c{number}s1_000151_01.jpg")
    _, queries, gallery = open_sides(tmp_path, "auto", "new")
    assert {path.relative_to(tmp_path).parts[0] for path in gallery.paths} == {held}
    assert len(queries.paths) == 4
    assert len(set(queries.identities.tolist())) == 2


def test_with_one_camera_a_query_is_compared_with_all_but_itself(tmp_path: Path) -> None:
    for number in (1, 2):
        picture(tmp_path / "anna" / f"{number}.jpg")
    _, queries, gallery = open_sides(tmp_path, "folder", "new")
    first, second = label_sides(queries, gallery)
    assert first.cameras.tolist() == second.cameras.tolist()
    assert len(set(first.cameras.tolist())) == 2


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--format no-such: expected auto, market1501"):
        open_sides(tmp_path, "no-such", "new")
    with pytest.raises(InputError, match="no such folder or file"):
        open_sides(tmp_path / "none", "auto", "new")
    picture(tmp_path / "anna" / "1.jpg")
    with pytest.raises(InputError, match="this person has no other image"):
        open_sides(tmp_path, "auto", "new")
