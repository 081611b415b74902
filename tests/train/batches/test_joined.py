from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.errors import ConfigError, InputError
from reid_tracker.train.batches.batches import Batches
from reid_tracker.train.batches.joined import JoinedPeople, recoloured
from reid_tracker.train.batches.materials import open_materials
from reid_tracker.train.images import MemoryCrops
from reid_tracker.train.loop.distributed import World
from reid_tracker.train.recipe import SamplerRecipe
from tests.train.samples import tiny_recipe, yolo_folder

SIZE = (128, 64)
LABELS = np.array([0, 0, 1, 1, 2, 2, 3])
CAMERAS = np.array([0, 1, 0, 1, 0, 1, 0])


def people(outlined: list[int] | None = None) -> JoinedPeople:
    """Grey pictures, 20 times their row number bright; everything is the person."""
    crops = np.empty((7, *SIZE, 3), np.uint8)
    crops[:] = (20 * (1 + np.arange(7)))[:, None, None, None]
    outlines = np.zeros((7, *SIZE), np.uint8)
    outlines[np.arange(7) if outlined is None else outlined] = 255
    return JoinedPeople(MemoryCrops(crops), LABELS, CAMERAS, outlines)


def rows_of(image: np.ndarray) -> tuple[int, int]:
    return int(image[0, 0, 0]) // 20 - 1, int(image[-1, 0, 0]) // 20 - 1


def test_a_joined_person_is_two_people_in_two_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JoinedPeople, "_colours", staticmethod(lambda _: (0.0, 1.0, 1.0)))
    made = people().make(20, 4, SIZE, np.random.default_rng(0)).reshape(20, 4, *SIZE, 3)
    pairs = set()
    for images in made:
        rows = [rows_of(image) for image in images]
        uppers, lowers = {LABELS[upper] for upper, _ in rows}, {LABELS[lower] for _, lower in rows}
        assert len(uppers) == len(lowers) == 1, "one person stays one"
        assert uppers != lowers
        assert {CAMERAS[upper] for upper, _ in rows} == {0, 1}
        pairs.add((uppers.pop(), lowers.pop()))
    assert len(pairs) > 3
    assert not any(3 in pair for pair in pairs), "seen by one camera only"


def test_colours_are_those_of_the_person_in_all_images(monkeypatch: pytest.MonkeyPatch) -> None:
    darker = (0.0, 1.0, 1.7)
    monkeypatch.setattr(JoinedPeople, "_colours", staticmethod(lambda _: darker))
    made = people().make(2, 4, SIZE, np.random.default_rng(1))
    bright = 20 * (1 + np.arange(7))
    wanted = set(np.rint(255 * (bright / 255) ** 1.7).astype(int).tolist())
    assert set(made[:, [0, -1], 0, 0].reshape(-1).tolist()) <= {
        value + off for value in wanted for off in (-1, 0, 1)
    }


def test_only_outlined_pictures_are_used() -> None:
    assert not people(outlined=[0, 1, 2, 4]).possible
    joined = people(outlined=[0, 1, 2, 3, 4])
    assert joined.possible
    made = joined.make(5, 2, SIZE, np.random.default_rng(0))
    assert made.shape == (10, *SIZE, 3)


def test_making_follows_the_generator() -> None:
    first, again, other = (
        people().make(3, 4, SIZE, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_recolouring_stays_inside_the_outline() -> None:
    image = np.full((20, 10, 3), (30, 40, 200), np.uint8)
    outline = np.zeros((20, 10), np.uint8)
    outline[5:15] = 255
    other = recoloured(image, outline, (60.0, 1.0, 1.0))
    assert np.array_equal(other[outline == 0], image[outline == 0])
    green = other[10, 5].astype(int)
    assert green[1] > green[2] + 100, "red turned by 120 degrees"
    assert recoloured(image, outline, (0.0, 1.0, 1.0)) is image


OUTLINE = "reid_tracker.train.batches.backgrounds.outline_person"


def test_a_batch_holds_joined_people_without_class_or_target(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTLINE, lambda crop: np.ones(crop.shape[:2], np.float32))
    folder = str(yolo_folder(tmp_path))
    recipe = tiny_recipe(
        tiny_data,
        sampler={"name": "pk", "joined": 2},
        augment={"background_folders": [folder], "patch": 0.0},
    )
    materials = open_materials(recipe, tmp_path / "run", World())
    assert materials.joined is not None
    source = Batches(recipe, materials, World())
    rows = source.epoch(0)[0]
    batch = source.make(rows, 0, 0)
    images = recipe.sampler.batch_size // recipe.sampler.identities_per_batch
    assert len(batch.labels) == len(batch.images) == len(rows) + 2 * images
    assert batch.labels[len(rows) :].tolist() == [-1] * images + [-2] * images
    assert torch.equal(batch.images, source.make(rows, 0, 0).images)
    shares = [Batches(recipe, materials, World(rank, 2)).make(rows, 0, 0) for rank in (0, 1)]
    assert [set(share.labels[share.labels < 0].tolist()) for share in shares] == [{-1}, {-2}]


def test_joined_people_need_two_cameras_and_pk(
    tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OUTLINE, lambda crop: None)
    with pytest.raises(ConfigError, match="joined = 2: needs name = pk"):
        SamplerRecipe(joined=2)
    folder = str(yolo_folder(tmp_path))
    recipe = tiny_recipe(
        tiny_data,
        sampler={"name": "pk", "joined": 2},
        augment={"background_folders": [folder]},
    )
    with pytest.raises(InputError, match="fewer than two people in two cameras"):
        open_materials(recipe, tmp_path / "run", World())
