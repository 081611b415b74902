from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from reid_tracker.encode.base import Crops
from reid_tracker.encode.preprocess import normalise
from reid_tracker.train.batches.augment import (
    ENLARGED,
    MEAN,
    augment,
    colour_jitter,
    other_camera,
    random_crop,
    random_erase,
    random_flip,
    random_low_resolution,
)
from reid_tracker.train.recipe import AugmentRecipe

SIZE = (64, 32)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 6) -> Tensor:
    return torch.rand(count, 3, *SIZE, generator=seeded(99))


def people(count: int = 6) -> Crops:
    return np.random.default_rng(98).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


MOVES: dict[str, Callable[[Crops, float], Crops]] = {
    "flip": lambda x, p: random_flip(x, p, seeded()),
    "crop": lambda x, p: random_crop(x, p, seeded()),
    "low resolution": lambda x, p: random_low_resolution(x, p, 0.25, seeded()),
}


@pytest.mark.parametrize("name", MOVES)
def test_probability_of_moved_pixels(name: str) -> None:
    crops = people(400)
    before = crops.copy()
    assert np.array_equal(MOVES[name](crops, 0.0), crops)

    def changed(probability: float) -> float:
        result = MOVES[name](crops, probability)
        assert result.shape == crops.shape
        assert result.dtype == np.uint8
        return float((result != crops).reshape(len(crops), -1).any(1).mean())

    assert changed(1.0) > 0.95
    assert changed(0.5) == pytest.approx(0.5, abs=0.1)
    assert np.array_equal(crops, before), "the input is changed in place"


def test_probability_of_erasing() -> None:
    images = pictures(400)
    before = images.clone()
    assert torch.equal(random_erase(images, 0.0, seeded()), images)

    def changed(probability: float) -> float:
        result = random_erase(images, probability, seeded())
        assert result.shape == images.shape
        return (result != images).flatten(1).any(1).float().mean().item()

    assert changed(1.0) > 0.95
    assert changed(0.5) == pytest.approx(0.5, abs=0.1)
    assert torch.equal(images, before), "the input is changed in place"


def test_nothing_asked_is_the_encoders_preprocessing() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 64, 32, 3), dtype=np.uint8)
    images = augment(crops, AugmentRecipe(flip=0), seeded())
    assert np.allclose(images.numpy(), normalise(crops), atol=1e-5)


def test_flip_mirrors() -> None:
    crops = people()
    assert np.array_equal(random_flip(crops, 1.0, seeded()), crops[:, :, ::-1])


def test_crop_is_a_window_of_the_enlarged_image() -> None:
    crops = people()
    height, width = round(64 * ENLARGED), round(32 * ENLARGED)
    windows = {}
    for row, result in enumerate(random_crop(crops, 1.0, seeded())):
        enlarged = cv2.resize(crops[row], (width, height), interpolation=cv2.INTER_LINEAR)
        for top in range(height - 64 + 1):
            for left in range(width - 32 + 1):
                if np.array_equal(enlarged[top : top + 64, left : left + 32], result):
                    windows[row] = (top, left)
    assert len(windows) == len(crops)
    assert len(set(windows.values())) > 1


def test_erase_fills_one_rectangle_with_the_mean() -> None:
    images = pictures(300)
    areas = []
    for image, result in zip(images, random_erase(images, 1.0, seeded()), strict=True):
        changed = (result != image).any(0)
        rows, columns = changed.any(1).nonzero()[:, 0], changed.any(0).nonzero()[:, 0]
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        assert changed[top:bottom, left:right].all()
        filled = result[:, top:bottom, left:right]
        assert torch.equal(filled, torch.tensor(MEAN).view(3, 1, 1).expand_as(filled))
        areas.append((bottom - top) * (right - left) / (64 * 32))
    assert min(areas) > 0.015
    assert 0.3 < max(areas) < 0.45


def test_colour_jitter_against_its_definition() -> None:
    images = pictures(50)
    bright = colour_jitter(images, AugmentRecipe(brightness=0.2), seeded())
    factors = (bright / images).flatten(1).nanquantile(0.2, dim=1)
    assert factors.min() >= 0.8
    assert factors.max() <= 1.2
    assert factors.std() > 0.05
    for image, result, factor in zip(images, bright, factors, strict=True):
        assert torch.allclose(result, (image * factor).clamp(0, 1), atol=1e-4)

    contrast = colour_jitter(images, AugmentRecipe(contrast=0.15), seeded())
    weights = torch.tensor((0.299, 0.587, 0.114)).view(1, 3, 1, 1)
    means = (images * weights).sum(1, keepdim=True).mean((2, 3), keepdim=True)
    slopes = ((contrast - means) / (images - means)).flatten(1).median(1).values
    assert slopes.min() >= 0.85 - 1e-4
    assert slopes.max() <= 1.15 + 1e-4
    expected = means + slopes.view(-1, 1, 1, 1) * (images - means)
    assert torch.allclose(contrast, expected.clamp(0, 1), atol=1e-3)

    grey = images.mean(1, keepdim=True).expand_as(images)
    kept = colour_jitter(grey, AugmentRecipe(saturation=0.9), seeded())
    assert torch.allclose(kept, grey, atol=1e-6)


def test_other_camera_against_its_definition() -> None:
    images = pictures(200).clamp(0.05, 0.5)
    recipe = AugmentRecipe(camera=0.5, white_balance=0.6)
    seen = other_camera(images, recipe, seeded())
    gains = (seen / images).flatten(2).amin(2)  # (B, 3); above 1 / 0.5 some values are cut off
    changed = (gains - 1).abs().amax(1) > 1e-4
    assert 0.35 < changed.float().mean() < 0.65
    assert torch.equal(seen[~changed], images[~changed])
    assert gains.min() >= math.exp(-0.6) - 1e-4
    assert gains.max() <= math.exp(0.6) + 1e-4
    assert (gains[changed].amax(1) - gains[changed].amin(1)).mean() > 0.2, "each colour its own"

    darker = other_camera(images, AugmentRecipe(camera=1.0, gamma=0.4), seeded())
    powers = (darker.log() / images.log()).flatten(1)
    assert torch.allclose(powers, powers[:, :1].expand_as(powers), atol=1e-3)
    assert powers.min() >= math.exp(-0.4) - 1e-3
    assert powers.max() <= math.exp(0.4) + 1e-3
    assert torch.isfinite(other_camera(torch.zeros(4, 3, 8, 8), recipe, seeded())).all()


def test_a_recipe_without_cameras_draws_no_numbers_for_them() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (8, 64, 32, 3), dtype=np.uint8)
    plain, with_strengths = (
        augment(crops, recipe, seeded())
        for recipe in (
            AugmentRecipe(erase=1.0),
            AugmentRecipe(erase=1.0, white_balance=0.5, gamma=0.5),
        )
    )
    assert torch.equal(plain, with_strengths)


def test_low_resolution_removes_detail_and_keeps_the_mean() -> None:
    crops = people(40)
    blurred = random_low_resolution(crops, 1.0, 0.25, seeded(3))
    assert blurred.std() < crops.std()
    assert math.isclose(blurred.mean(), crops.mean(), abs_tol=1.0)
    detail = blurred.reshape(len(crops), -1).std(1)
    assert detail.max() > 1.5 * detail.min(), "each crop has its own scale"


def test_low_resolution_at_full_scale_changes_nothing() -> None:
    crops = people()
    assert np.array_equal(random_low_resolution(crops, 1.0, 1.0, seeded()), crops)


def test_same_generator_same_images() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (8, 64, 32, 3), dtype=np.uint8)
    recipe = AugmentRecipe(
        flip=0.5,
        crop=0.5,
        low_resolution=0.5,
        low_resolution_scale=0.3,
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
        camera=0.5,
        white_balance=0.5,
        gamma=0.4,
        erase=0.5,
    )
    first, again, other = (augment(crops, recipe, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
