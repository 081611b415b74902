from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.datasets import open_dataset


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_folder_per_identity(tmp_path: Path) -> None:
    touch(
        tmp_path, "anna/c2_1.jpg", "anna/0001_c10.png", "bob/1.jpg", "bob/scene_1.jpg", "bob/x.txt"
    )
    train = open_dataset("folder", tmp_path).train
    assert train.identities.tolist() == [1, 1, 2, 2]
    # Cameras in the order of their numbers: none (0), c2, c10.
    assert train.cameras.tolist() == [3, 2, 1, 1]


def test_folders_with_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/a/1.jpg", "train/b/1.jpg", "query/c/c1_1.jpg", "gallery/c/c2_1.jpg")
    found = open_dataset("folder", tmp_path)
    assert found.train.identity_count == 2
    assert found.query.identities.tolist() == found.gallery.identities.tolist() == [3]
    assert found.query.cameras.tolist() != found.gallery.cameras.tolist()


def test_folders_of_a_test_alone(tmp_path: Path) -> None:
    """Without train/, the people are still below query/ and gallery/, not called so."""
    touch(tmp_path, "query/a/c1_1.jpg", "query/b/c1_1.jpg", "gallery/b/c2_1.jpg", "notes/x/y.jpg")
    found = open_dataset("folder", tmp_path)
    assert len(found.train) == 0
    assert found.query.identities.tolist() == [1, 2]
    assert found.gallery.identities.tolist() == [2]
    assert found.gallery.cameras.tolist() == [2]


def test_csv(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(
        "\ufeffcamera,identity,path,note\nfront,10,a.jpg,x\nback,9,sub/b.jpg,\nfront,9,c.jpg,\n",
        encoding="utf-8",
    )
    found = open_dataset("csv", tmp_path / "people.csv").train
    assert found.paths[1] == tmp_path / "sub" / "b.jpg"
    assert found.identities.tolist() == [10, 9, 9]
    assert found.cameras.tolist() == [2, 1, 2]


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (("000003", "000012"), [3, 12]),
        (("0", "7"), [1, 2]),
        (("7", "07"), [1, 2]),
        (("9" * 18, "5"), [10**18 - 1, 5]),
        (("9" * 19, "5"), [2, 1]),
    ],
)
def test_numbers_stay_where_they_can(
    tmp_path: Path, names: tuple[str, ...], numbers: list[int]
) -> None:
    touch(tmp_path, *(f"{name}/1.jpg" for name in names))
    train = open_dataset("folder", tmp_path).train
    found = {path.parent.name: row for path, row in zip(train.paths, train.identities, strict=True)}
    assert [found[name] for name in names] == numbers


def test_csv_with_splits(tmp_path: Path) -> None:
    rows = [
        "path,identity,camera,split",
        "a,1,0,train",
        "b,2,0,train",
        "c,3,0,query",
        "d,3,1,gallery",
    ]
    (tmp_path / "p.csv").write_text("\n".join(rows))
    found = open_dataset("csv", tmp_path / "p.csv")
    assert (len(found.train), len(found.query), len(found.gallery)) == (2, 1, 1)
    (tmp_path / "p.csv").write_text("\n".join([rows[0], *rows[3:]]))
    found = open_dataset("csv", tmp_path / "p.csv")
    assert (len(found.train), len(found.query), len(found.gallery)) == (0, 1, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,identity\na.jpg,1\n", "no column 'camera', only path, identity; the first line"),
        ("", "no column 'path', only nothing"),
        ("path,identity," + "c" * 5000, r"only path, identity, c+\.\.\.c+; the first line"),
        ("path,identity,camera\n", "no images"),
        ("path,identity,camera\na,1\n", "line 2: expected a path, an identity, a camera"),
        ("path,identity,camera,split\na,1,0,test\n", "line 2"),
    ],
)
def test_wrong_csv(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        open_dataset("csv", tmp_path / "p.csv")


def test_not_text(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00path")
    with pytest.raises(InputError, match="not a CSV file"):
        open_dataset("csv", tmp_path / "p.csv")
    with pytest.raises(InputError, match="no such file"):
        open_dataset("csv", tmp_path / "absent.csv")


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no images; expected a folder per identity"):
        open_dataset("folder", tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        open_dataset("folder", tmp_path / "nowhere")
