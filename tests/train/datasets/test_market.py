from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.datasets import open_dataset

FILES = {
    "bounding_box_train": [
        "0002_c1s1_000451_03.jpg",
        "0002_c2s1_000551_01.jpg",
        "0007_c3s3_077419_03.jpg",
        "0000_c3s3_077419_01.jpg",
        "-1_c1s1_000401_03.jpg",
    ],
    "query": ["0003_c6s1_000451_00.jpg"],
    "bounding_box_test": [
        "0003_c1s1_000451_03.jpg",
        "0000_c1s1_000151_01.jpg",
        "-1_c1s1_000401_03.jpg",
    ],
}


@pytest.fixture
def market(tmp_path: Path) -> Path:
    for folder, names in FILES.items():
        (tmp_path / "m" / folder).mkdir(parents=True)
        for name in names:
            (tmp_path / "m" / folder / name).touch()
    (tmp_path / "m" / "query" / "Thumbs.db").touch()
    return tmp_path / "m"


def test_junk_is_dropped_and_background_only_distracts(market: Path) -> None:
    found = open_dataset("market1501", market)
    assert sorted(zip(found.train.identities, found.train.cameras, strict=True)) == [
        (2, 1),
        (2, 2),
        (7, 3),
    ]
    assert found.train.class_labels().tolist() == [0, 0, 1]
    assert found.query.cameras.tolist() == [6]
    assert sorted(found.gallery.identities.tolist()) == [0, 3]


def test_folder_above_is_accepted(market: Path) -> None:
    assert len(open_dataset("market1501", market.parent).train) == 3


def test_training_set_alone(market: Path) -> None:
    for name in ("query", "bounding_box_test"):
        shutil.rmtree(market / name)
    found = open_dataset("market1501", market)
    assert (len(found.train), len(found.query), len(found.gallery)) == (3, 0, 0)


def test_a_test_without_gallery_is_incomplete(market: Path) -> None:
    shutil.rmtree(market / "bounding_box_test")
    with pytest.raises(InputError, match="bounding_box_test: no such folder"):
        open_dataset("market1501", market)


@pytest.mark.parametrize("above", [False, True])
def test_test_alone(market: Path, above: bool) -> None:
    shutil.rmtree(market / "bounding_box_train")
    found = open_dataset("market1501", market.parent if above else market)
    assert (len(found.train), len(found.query), len(found.gallery)) == (0, 1, 2)


def test_duke_names(market: Path) -> None:
    (market / "bounding_box_train" / "0005_c8_f0044158.jpg").touch()
    found = open_dataset("dukemtmc", market)
    assert (5, 8) in set(zip(found.train.identities, found.train.cameras, strict=True))


def test_missing_folder(market: Path) -> None:
    (market / "query" / FILES["query"][0]).unlink()
    with pytest.raises(InputError, match="query: no image in this folder"):
        open_dataset("market1501", market)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        open_dataset("market1501", market / "nowhere")


def test_foreign_name(market: Path) -> None:
    (market / "query" / "cat.jpg").touch()
    with pytest.raises(InputError, match="expected a name such as 0002_c1s1"):
        open_dataset("market1501", market)
