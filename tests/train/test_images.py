from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from reid_tracker.encode.preprocess import cut_crops
from reid_tracker.errors import InputError, OutputError
from reid_tracker.train.images import (
    FileCrops,
    MemoryCrops,
    StackedCrops,
    open_crops,
    read_crop,
    resize_image,
    to_unit_rgb,
)
from reid_tracker.train.images import write_image as write_whole_image
from reid_tracker.video.images import read_picture
from tests.train.samples import person, write_image


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [write_image(tmp_path / f"{n}.png", person(n, 0)) for n in range(5)]


def test_memory_and_files_give_the_same(paths: list[Path]) -> None:
    memory, files = open_crops(paths, (32, 16), 1.0), open_crops(paths, (32, 16), 0.0)
    assert isinstance(memory, MemoryCrops)
    assert isinstance(files, FileCrops)
    rows = np.array([4, 0, 0])
    assert np.array_equal(memory.take(rows, (32, 16)), files.take(rows, (32, 16)))
    assert np.array_equal(memory.take(rows, (32, 16))[0], person(4, 0))
    assert memory.take(rows, (16, 8)).shape == (3, 16, 8, 3)
    assert len(memory) == len(files) == 5


def test_crops_are_resized_like_those_of_the_encoder(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (270, 95, 3), dtype=np.uint8)
    write_image(tmp_path / "a.png", image)
    expected = np.empty((1, 256, 128, 3), np.uint8)
    cut_crops(image, np.array([[0, 0, 95, 270]], np.float32), expected)
    assert np.array_equal(read_crop(tmp_path / "a.png", (256, 128)), expected[0])


def test_strong_shrinking_averages() -> None:
    checkers = (np.indices((64, 32)).sum(0) % 2 * 255).astype(np.uint8)
    small = resize_image(np.repeat(checkers[..., None], 3, axis=2), (16, 8))
    assert np.abs(small.astype(int) - 127).max() <= 1


def test_channels_are_swapped_to_rgb() -> None:
    crops = np.zeros((1, 2, 2, 3), np.uint8)
    crops[..., 2] = 255  # red in BGR
    images = to_unit_rgb(crops)
    assert images.shape == (1, 3, 2, 2)
    assert images.dtype == torch.float32
    assert images[0, :, 0, 0].tolist() == [1.0, 0.0, 0.0]


def test_no_files() -> None:
    assert open_crops([], (32, 16), 1.0).take(np.arange(0), (32, 16)).shape == (0, 32, 16, 3)


def test_damaged_and_missing_images(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no")
    (tmp_path / "b.jpg").touch()
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as an image: it is damaged"):
            read_crop(tmp_path / name, (32, 16))
    with pytest.raises(InputError, match=r"c\.jpg: cannot be read as an image: No such file"):
        read_crop(tmp_path / "c.jpg", (32, 16))


def test_memory_keeps_small_files_as_they_are(tmp_path: Path) -> None:
    small, large = (np.full((height, 10, 3), 7, np.uint8) for height in (20, 90))
    paths = [write_image(tmp_path / f"{len(image)}.png", image) for image in (small, large)]
    crops = open_crops(paths, (32, 16), 1.0)
    assert isinstance(crops, MemoryCrops)
    assert [image.shape for image in crops._crops] == [(20, 10, 3), (32, 16, 3)]


def test_stacked_sources_follow_each_other() -> None:
    people = [np.stack([person(n, seed) for n in range(3)]) for seed in (0, 1)]
    stacked = StackedCrops(
        [MemoryCrops(people[0]), MemoryCrops(people[0][:0]), MemoryCrops(people[1])]
    )
    assert len(stacked) == 6
    taken = stacked.take(np.array([5, 0, 3, 2]), (32, 16))
    assert np.array_equal(taken, np.concatenate(people)[[5, 0, 3, 2]])


def test_writing_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole_image(tmp_path / "a.png", person(1, 0))
    assert np.array_equal(read_picture(tmp_path / "a.png"), person(1, 0))

    def no_space(descriptor: int) -> None:
        raise OSError("6 requested and 0 written")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OutputError, match="0 written; the previous one is unharmed"):
        write_whole_image(tmp_path / "a.png", person(2, 0))
    assert np.array_equal(read_picture(tmp_path / "a.png"), person(1, 0))
    assert [item.name for item in tmp_path.iterdir()] == ["a.png"]
