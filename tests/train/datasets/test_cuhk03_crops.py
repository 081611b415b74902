from __future__ import annotations

from pathlib import Path

import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.datasets import open_dataset
from tests.conftest import shared
from tests.train.samples import IDENTITIES, PER_CAMERA, write_cuhk03_crops


def test_names_tell_identity_and_camera(tiny_data: Path) -> None:
    train = open_dataset("cuhk03_crops", tiny_data).train
    assert train.identity_count == IDENTITIES
    assert train.identities.min() == 1
    assert (train.cameras == 0).sum() == (train.cameras == 1).sum() == IDENTITIES * PER_CAMERA
    row = [path.stem for path in train.paths].index("0002_06")
    assert (train.identities[row], train.cameras[row]) == (3, 1)


def test_val_is_camera_a_against_camera_b(tiny_data: Path) -> None:
    write_cuhk03_crops(tiny_data, "val", first=50)
    found = open_dataset("cuhk03_crops", tiny_data)
    assert set(found.query.cameras.tolist()) == {0}
    assert set(found.gallery.cameras.tolist()) == {1}
    assert not set(found.train.identities.tolist()) & set(found.query.identities.tolist())


def test_val_alone(tmp_path: Path) -> None:
    found = open_dataset("cuhk03_crops", write_cuhk03_crops(tmp_path, "val"))
    assert len(found.train) == 0
    assert len(found.query) == len(found.gallery) == IDENTITIES * PER_CAMERA


def test_a_folder_of_crops_is_for_training(tiny_data: Path) -> None:
    found = open_dataset("cuhk03_crops", tiny_data / "train")
    assert (found.train.identity_count, len(found.query), len(found.gallery)) == (IDENTITIES, 0, 0)


def test_neither_train_nor_val(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no image in this folder"):
        open_dataset("cuhk03_crops", tmp_path)


def test_other_names_are_refused(tiny_data: Path) -> None:
    (tiny_data / "train" / "holiday.jpg").write_bytes(b"")
    with pytest.raises(InputError, match=r"holiday\.jpg: expected a name such as 0012_07\.jpg"):
        open_dataset("cuhk03_crops", tiny_data)


@pytest.mark.shared
def test_shared_crops() -> None:
    found = open_dataset("cuhk03_crops", shared("data", "reid", "cuhk03"))
    assert found.train.identity_count == 743
    assert len(found.query) + len(found.gallery) == 938
