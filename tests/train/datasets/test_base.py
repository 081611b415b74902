from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.train.datasets import PersonImages, open_dataset


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
