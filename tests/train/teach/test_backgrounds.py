from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.teach.backgrounds import random_window, read_backgrounds
from tests.train.samples import yolo_folder


def test_backgrounds_are_pictures_without_people(tmp_path: Path) -> None:
    (found,) = read_backgrounds([str(yolo_folder(tmp_path))], "teacher.box_folders")
    assert found.shape == (50, 60, 3)
    (tmp_path / "labels" / "part" / "empty.txt").unlink()
    with pytest.raises(InputError, match=r"teacher\.box_folders has none"):
        read_backgrounds([str(tmp_path)], "teacher.box_folders")


@pytest.mark.parametrize("size", [(90, 300), (300, 40), (5, 5)])
def test_a_window_lies_inside_and_has_the_aspect(size: tuple[int, int]) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    generator = np.random.default_rng(0)
    shapes = [random_window(picture, 2.0, generator).shape for _ in range(50)]
    for height, width, _ in shapes:
        assert 0 < height <= size[0]
        assert 0 < width <= size[1]
        assert abs(height - 2 * width) <= 3
    assert len(set(shapes)) > 1
