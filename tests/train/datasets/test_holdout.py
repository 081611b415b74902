from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.train.datasets import PersonImages, hold_out, open_dataset


def images(identities: list[int], cameras: list[int]) -> PersonImages:
    paths = tuple(Path(f"{row}.jpg") for row in range(len(identities)))
    return PersonImages(paths, np.array(identities), np.array(cameras))


def test_identities_are_disjoint_and_cameras_split() -> None:
    found = hold_out(images([1, 1, 2, 2, 3, 3, 4], [0, 1, 1, 2, 0, 0, 0]), 2, seed=0)
    # Only identities 1 and 2 were seen by two cameras.
    assert set(found.train.identities.tolist()) == {3, 4}
    assert list(zip(found.query.identities, found.query.cameras, strict=True)) == [(1, 0), (2, 1)]
    assert list(zip(found.gallery.identities, found.gallery.cameras, strict=True)) == [
        (1, 1),
        (2, 2),
    ]


def test_seed_decides() -> None:
    whole = images([i for i in range(1, 31) for _ in (0, 1)], [0, 1] * 30)
    kept = [set(hold_out(whole, 5, seed).query.identities.tolist()) for seed in (1, 1, 2)]
    assert kept[0] == kept[1] != kept[2]


def test_none_held_out() -> None:
    found = hold_out(images([1, 2], [0, 0]), 0, seed=0)
    assert (len(found.train), len(found.query), len(found.gallery)) == (2, 0, 0)


def test_too_many() -> None:
    with pytest.raises(ConfigError, match="only 1 of 3 identities were seen by two cameras"):
        hold_out(images([1, 1, 2, 3], [0, 1, 0, 0]), 2, seed=0)


def test_names_and_roots_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.name = mars: expected one of market1501"):
        open_dataset("mars", tmp_path)
    with pytest.raises(ConfigError, match=r"data\.root is empty"):
        open_dataset("folder", "")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file, expected the folder"):
        open_dataset("folder", tmp_path / "file")


def test_columns_of_one_length() -> None:
    with pytest.raises(InputError, match="1 paths but 2 identities"):
        PersonImages((Path("a"),), np.array([1, 2]), np.array([0]))
