from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from reid_tracker.errors import InputError
from reid_tracker.train.detector.cutouts import Cutout, collect_cutouts, cut_out_person
from reid_tracker.train.detector.recipe import PictureRecipe
from reid_tracker.types import ImageBGR
from tests.train.samples import write_image


def collect(seed: int = 0, **options: Any) -> list[Cutout]:
    return collect_cutouts(PictureRecipe(**options), np.random.default_rng(seed))


def masked(root: Path, name: str = "a", end: str = ".png") -> Path:
    """A picture of a tall red and a small green person, and its mask."""
    image, mask = np.zeros((100, 80, 3), np.uint8), np.zeros((100, 80), np.uint8)
    image[10:90, 5:35], mask[10:90, 5:35] = (0, 0, 250), 1
    mask[10:30, 5:10] = 0  # beside the head
    image[20:60, 50:70], mask[20:60, 50:70] = (0, 250, 0), 2
    write_image(root / "images" / f"{name}{end}", image)
    write_image(root / "masks" / f"{name}_mask.png", mask)
    return root


def person_crop(
    wall: tuple[int, int, int] = (190, 200, 180), noise: int = 15, seed: int = 0
) -> tuple[ImageBGR, npt.NDArray[np.bool_]]:
    """A dark figure before a light wall, with noise; and its outline."""
    height, width = 160, 64
    outline = np.zeros((height, width), np.uint8)
    cv2.ellipse(outline, (width // 2, height // 2), (width // 4, height // 2 - 5), 0, 0, 360, 1, -1)
    grain = np.random.default_rng(seed).integers(-noise, noise, (height, width, 3))
    image = np.where(outline[..., None] == 1, (60, 30, 90), wall) + grain
    return np.clip(image, 0, 255).astype(np.uint8), outline == 1


def test_people_of_masks(tmp_path: Path) -> None:
    (cutout,) = collect(mask_folder=str(masked(tmp_path)))
    assert cutout.image.shape == (80, 30, 3)
    assert cutout.image.dtype == np.uint8
    assert cutout.alpha.shape == (80, 30)
    assert cutout.alpha.dtype == np.float32
    assert (cutout.alpha[22:, 2:-2] == 1).all()
    assert (cutout.alpha[:19, :4] == 0).all()
    assert (cutout.image[22:, 2:-2] == (0, 0, 250)).all()


def test_masks_without_pictures(tmp_path: Path) -> None:
    masked(tmp_path, "a", ".jpg")
    masked(tmp_path, "b")
    assert len(collect(mask_folder=str(tmp_path))) == 2
    (tmp_path / "images" / "b.png").unlink()
    assert len(collect(mask_folder=str(tmp_path))) == 1
    (tmp_path / "images" / "a.jpg").unlink()
    with pytest.raises(InputError, match="no picture below images/ for any mask"):
        collect(mask_folder=str(tmp_path))


def test_a_mask_of_another_size(tmp_path: Path) -> None:
    masked(tmp_path)
    write_image(tmp_path / "images" / "a.png", np.zeros((50, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"a_mask\.png: its size differs from .*a\.png"):
        collect(mask_folder=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_folder": "nowhere"}, r"nowhere: no masks/\*\.png; expected images/ and masks/"),
        (
            {"crop_folders": ["nowhere"], "crops": 3},
            "nowhere: no pictures; expected crops of people",
        ),
    ],
)
def test_empty_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        collect(**options)


def test_a_person_is_cut_out_along_the_outline() -> None:
    image, outline = person_crop()
    cutout = cut_out_person(image)
    assert cutout is not None
    y, x = np.nonzero(outline)
    tight = outline[y.min() : y.max() + 1, x.min() : x.max() + 1].astype(np.float32)
    height, width = cutout.alpha.shape
    expected = cv2.resize(tight, (width, height)) > 0.5
    found = cutout.alpha > 0.5
    assert (found & expected).sum() / (found | expected).sum() > 0.9
    assert cutout.image[found].mean(axis=0) == pytest.approx([60, 30, 90], abs=8)


def test_the_same_crop_gives_the_same_person() -> None:
    noisy, _ = person_crop(wall=(150, 140, 150), noise=80, seed=5)
    found = []
    for seed in range(8):  # GrabCut draws from a generator that all of OpenCV shares
        cv2.setRNGSeed(seed)
        cutout = cut_out_person(noisy)
        assert cutout is not None
        found.append(cutout.alpha.tobytes())
    assert len(set(found)) == 1


def test_crops_without_a_person() -> None:
    wall = np.random.default_rng(0).integers(170, 220, (160, 64, 3)).astype(np.uint8)
    half = wall.copy()
    half[50:90, 26:38] = (60, 30, 90)
    assert cut_out_person(half) is None, "too low for a person"


def test_as_many_crops_as_asked_for(tmp_path: Path) -> None:
    image = person_crop()[0]
    for number in range(5):
        write_image(tmp_path / "part" / f"{number}.png", image + np.uint8(number))
    (tmp_path / "readme.txt").touch()
    options: dict[str, Any] = {"crop_folders": [str(tmp_path)], "crops": 3}
    first, again, other = (collect(seed, **options) for seed in (0, 0, 3))
    assert len(first) == len(again) == 3
    means = [[cutout.image.mean() for cutout in found] for found in (first, again, other)]
    assert means[0] == means[1] != means[2]
    assert len(collect(crop_folders=(str(tmp_path),), crops=99)) == 5
    assert collect(crop_folders=(str(tmp_path),), crops=0) == []
