from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.recipe import TeacherRecipe
from reid_tracker.train.teach.unlabelled import collect_people, recombine
from tests.conftest import FRAMES
from tests.train.samples import yolo_folder


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


def test_recombined_people_are_new_and_follow_the_seed() -> None:
    crops = np.zeros((4, 64, 32, 3), np.uint8)
    crops[...] = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [90, 90, 10]])[
        :, None, None
    ]
    source = MemoryCrops(crops)
    first, again, other = (recombine(source, 30, (64, 32), seed) for seed in (1, 1, 2))
    assert first.shape == (30, 64, 32, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    hues = cv2.cvtColor(first[:, 8, 16][None], cv2.COLOR_BGR2HSV)[0, :, 0]
    assert len(set(hues.tolist())) > 10, "recoloured"
    two = (np.abs(first[:, 4].astype(int) - first[:, -4]).max((1, 2)) > 20).sum()
    assert two > 10, "made of two people"


def test_people_before_another_background(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    crops = np.full((6, 128, 64, 3), 60, np.uint8)
    crops += generator.integers(0, 12, crops.shape, dtype=np.uint8)
    crops[:, 8:122, 14:50] = (40, 40, 210)
    crops[:, 8:122, 14:50] += generator.integers(0, 12, crops[:, 8:122, 14:50].shape, np.uint8)
    green = np.full((90, 120, 3), (0, 200, 0), np.uint8)
    source, size = MemoryCrops(crops), (128, 64)
    outlines = np.zeros((6, 128, 64), np.uint8)
    outlines[:5, 8:122, 14:50] = 255  # no outline was found of the last one

    def make(share: float, seed: int = 3) -> np.ndarray:
        return recombine(
            source,
            20,
            size,
            seed,
            outlines=outlines,
            backgrounds=[green],
            new_background=share,
        )

    changed = make(1.0)
    assert np.array_equal(changed, make(1.0))
    corners = changed[:, [2, 2, -3, -3], [2, -3, 2, -3]].astype(int)
    on_green = (corners[..., 1] - corners[..., [0, 2]].max(-1) > 60).any(1)
    assert on_green.mean() > 0.6
    assert (changed[:, 64, 32, 1] < 190).mean() > 0.6, "the person is still in the middle"
