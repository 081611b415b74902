"""The release's MATLAB file in miniature: one camera pair, three identities of four pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from reid_tracker.errors import ConfigError, InputError, MissingDependencyError
from reid_tracker.train.datasets import open_dataset

PEOPLE, PICTURES = 3, 4


def write_release(root: Path) -> None:
    h5py: Any = pytest.importorskip("h5py")
    with h5py.File(root / "cuhk-03.mat", "w") as file:

        def cells(name: str, values: list[Any], shape: tuple[int, ...]) -> Any:
            """Store a MATLAB cell array: references, columns first."""
            for number, value in enumerate(values):
                file[f"#{name}/{number}"] = value
            refs = np.array([file[f"#{name}/{n}"].ref for n in range(len(values))], object)
            file.create_dataset(name, data=refs.reshape(shape), dtype=h5py.ref_dtype)
            return file[name]

        for boxes in ("labeled", "detected"):
            pictures = []
            for number in range(PICTURES):
                for person in range(PEOPLE):
                    image = np.zeros((8, 4, 3), np.uint8)
                    image[..., 0] = 10 * person + number  # red
                    absent = (person, number) == (2, 3)
                    pictures.append(np.zeros((2,), np.uint64) if absent else image.T)
            pair = cells(f"pair_{boxes}", pictures, (PICTURES, PEOPLE))
            file.create_dataset(boxes, data=np.array([[pair.ref]], object), dtype=h5py.ref_dtype)
        tests = [np.array([[1.0, 1 + number % PEOPLE]]).T for number in range(20)]
        cells("testsets", tests, (1, 20))


@pytest.fixture
def cuhk03(tmp_path: Path) -> Path:
    write_release(tmp_path)
    names = np.array([["1_001_1_01.png"], ["1_002_1_01.png"], ["1_003_2_03.png"]], object)
    lists = {"filelist": names, "labels": np.array([[1], [2], [3]]), "train_idx": [[1, 2]]}
    savemat(
        tmp_path / "cuhk03_new_protocol_config_detected.mat",
        {**lists, "query_idx": [[3]], "gallery_idx": [[3]]},
    )
    return tmp_path


def test_pictures_are_unpacked_once(cuhk03: Path) -> None:
    open_dataset("cuhk03", cuhk03, "classic-0")
    files = sorted(path.name for path in (cuhk03 / "images_detected").iterdir())
    assert len(files) == PEOPLE * PICTURES - 1
    assert files[:4] == ["1_001_1_01.png", "1_001_1_02.png", "1_001_2_03.png", "1_001_2_04.png"]
    picture = cv2.imread(str(cuhk03 / "images_detected" / "1_003_2_03.png"))
    assert picture is not None
    assert picture.shape == (8, 4, 3)
    assert picture[0, 0].tolist() == [0, 0, 22]  # BGR
    (cuhk03 / "cuhk-03.mat").unlink()
    open_dataset("cuhk03", cuhk03, "classic-0")


def test_classic_split(cuhk03: Path) -> None:
    found = open_dataset("cuhk03", cuhk03, "classic-1")
    assert set(found.train.identities.tolist()) == {10_001, 10_003}
    assert set(found.query.identities.tolist()) == {10_002}
    assert (set(found.query.cameras.tolist()), set(found.gallery.cameras.tolist())) == ({1}, {2})


def test_new_split(cuhk03: Path) -> None:
    found = open_dataset("cuhk03", cuhk03, "new")
    assert found.train.identities.tolist() == [1, 2]
    assert found.gallery.identities.tolist() == [3]
    assert found.gallery.cameras.tolist() == [2]
    assert found.gallery.paths[0].is_file()


def test_unknown_splits(cuhk03: Path) -> None:
    for split in ("classic-20", "old", "classic"):
        with pytest.raises(ConfigError, match="expected new or classic-0 to classic-19"):
            open_dataset("cuhk03", cuhk03, split)


def test_missing_and_damaged_files(cuhk03: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"config_labeled\.mat: no such file"):
        open_dataset("cuhk03", cuhk03, "new-labeled")
    (cuhk03 / "cuhk03_new_protocol_config_detected.mat").write_text("no")
    with pytest.raises(InputError, match="not the lists of the new split"):
        open_dataset("cuhk03", cuhk03, "new")
    empty = cuhk03 / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match=r"cuhk-03\.mat: no such file"):
        open_dataset("cuhk03", empty)
    (empty / "cuhk-03.mat").write_text("no")
    with pytest.raises(InputError, match="not the CUHK03 release"):
        open_dataset("cuhk03", empty)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match="pip install h5py"):
        open_dataset("cuhk03", empty)
