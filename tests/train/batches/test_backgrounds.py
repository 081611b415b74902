from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reid_tracker.encode.base import Crops
from reid_tracker.train.batches.backgrounds import Backgrounds, open_backgrounds
from reid_tracker.train.batches.batches import Batches
from reid_tracker.train.batches.materials import open_materials
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.loop.distributed import World
from tests.train.samples import tiny_recipe, yolo_folder

GREEN = np.full((90, 120, 3), (0, 200, 0), np.uint8)
SIZE = (128, 64)


def red_people(count: int) -> Crops:
    """Red people before noisy grey walls."""
    generator = np.random.default_rng(0)
    crops = np.full((count, *SIZE, 3), 60, np.uint8)
    crops[:, 8:122, 14:50] = (40, 40, 210)
    crops += generator.integers(0, 12, crops.shape, dtype=np.uint8)
    return crops


def test_the_wall_is_replaced_and_the_person_stays(tmp_path: Path) -> None:
    people = red_people(6)
    found = open_backgrounds(
        MemoryCrops(people), [range(6)], [str(yolo_folder(tmp_path))], tmp_path
    )
    replaced = Backgrounds(found.outlines, [GREEN]).replace(
        people, np.arange(6), 1.0, np.random.default_rng(0)
    )
    corners = replaced[:, [2, 2, -3, -3], [2, -3, 2, -3]]
    assert (corners == (0, 200, 0)).all()
    assert np.array_equal(replaced[:, 40:80, 28:36], people[:, 40:80, 28:36])
    assert people[0, 2, 2, 1] < 80, "what was given is not changed"


def test_replacing_follows_probability_and_generator() -> None:
    people = red_people(1).repeat(400, 0)
    outlines = np.zeros((400, *SIZE), np.uint8)
    outlines[:, 8:122, 14:50] = 255
    other = Backgrounds(outlines, [GREEN])

    def changed(seed: int, probability: float = 0.25) -> np.ndarray:
        made = other.replace(people, np.arange(400), probability, np.random.default_rng(seed))
        different: np.ndarray = (made != people).any((1, 2, 3))
        return different

    assert 0.15 < changed(0).mean() < 0.35
    assert np.array_equal(changed(0), changed(0))
    assert not np.array_equal(changed(0), changed(1))
    assert not changed(0, 0.0).any()


def test_a_person_without_outline_stays_as_it_is() -> None:
    people = red_people(2)
    outlines = np.zeros((3, *SIZE), np.uint8)
    outlines[2] = 255
    outlines[2, :4] = 0
    rows = np.array([1, 2])
    made = Backgrounds(outlines, [GREEN]).replace(people, rows, 1.0, np.random.default_rng(0))
    assert np.array_equal(made[0], people[0])
    assert not np.array_equal(made[1], people[1])


@pytest.mark.slow
def test_a_batch_has_other_backgrounds_where_the_recipe_asks(
    tmp_path: Path, tiny_data: Path
) -> None:
    folder = str(yolo_folder(tmp_path))

    def images(probability: float, step: int = 0) -> np.ndarray:
        recipe = tiny_recipe(
            tiny_data,
            augment={
                "background": probability,
                "background_folders": [folder],
                "flip": 0.0,
                "patch": 0.0,
            },
        )
        materials = open_materials(recipe, tmp_path / "run", World())
        if materials.backgrounds is not None:
            shape = (len(materials.labels), 32, 16)
            half = np.zeros(shape, np.uint8)
            half[:, :, : shape[2] // 2] = 255
            materials.backgrounds.outlines = half
        source = Batches(recipe, materials, World())
        return source.make(source.epoch(0)[0], 0, step).images.numpy()

    plain, replaced = images(0.0), images(1.0)
    assert plain.shape == replaced.shape
    assert not np.array_equal(plain, replaced)
    assert np.array_equal(replaced, images(1.0))
