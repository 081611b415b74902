from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.train.unlabelled import collect_people, read_yolo_folder, recombine
from tests.conftest import FRAMES
from tests.train.samples import write_image


def yolo_folder(root: Path) -> Path:
    image = np.zeros((50, 60, 3), np.uint8)
    image[5:45, 21:39] = (10, 20, 30)
    write_image(root / "images" / "part" / "a.png", image)
    write_image(root / "images" / "part" / "empty.png", image)
    (root / "labels" / "part").mkdir(parents=True)
    (root / "labels" / "part" / "a.txt").write_text("0 0.5 0.5 0.3 0.8\n16 0.5 0.5 0.1 0.1\n")
    (root / "labels" / "part" / "empty.txt").write_text("")
    return root


@pytest.mark.filterwarnings("ignore:loadtxt")
def test_boxes_of_people_only(tmp_path: Path) -> None:
    found = list(read_yolo_folder(yolo_folder(tmp_path)))
    assert len(found) == 1
    assert found[0][1] == pytest.approx(np.array([[21, 5, 39, 45]]), abs=1e-3)


@pytest.mark.filterwarnings("ignore:loadtxt")
def test_people_are_cut_out_and_small_ones_left(tmp_path: Path) -> None:
    folder = str(yolo_folder(tmp_path))
    people = collect_people(TeacherRecipe(box_folders=(folder,), min_height_px=40), (32, 16))
    assert people.shape == (1, 32, 16, 3)
    assert (people == (10, 20, 30)).all()
    assert (
        len(collect_people(TeacherRecipe(box_folders=(folder,), min_height_px=41), (32, 16))) == 0
    )


def test_people_of_a_clip(walkers: tuple[Path, Path]) -> None:
    video, detections = walkers
    recipe = TeacherRecipe(
        videos=(str(video),), detector=str(detections), min_height_px=50, frame_step=1
    )
    people = collect_people(recipe, (32, 16))
    assert len(people) == 2 * FRAMES
    red, blue = people[0, 16, 8], people[1, 16, 8]
    assert red[2] > 150 > red[0]
    assert blue[0] > 150 > blue[2]


def test_no_labels(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label file below labels/"):
        list(read_yolo_folder(tmp_path))


def test_recombined_people_are_new_and_follow_the_seed() -> None:
    crops = np.zeros((4, 64, 32, 3), np.uint8)
    crops[...] = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [90, 90, 10]])[
        :, None, None
    ]
    source = MemoryCrops(crops)
    first, again, other = (
        recombine(source, 30, (64, 32), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (30, 64, 32, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    hues = cv2.cvtColor(first[:, 8, 16][None], cv2.COLOR_BGR2HSV)[0, :, 0]
    assert len(set(hues.tolist())) > 10, "recoloured"
    two = (np.abs(first[:, 4].astype(int) - first[:, -4]).max((1, 2)) > 20).sum()
    assert two > 10, "made of two people"
