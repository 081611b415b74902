from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.device.crops import pixel_windows, sample_crops
from reid_tracker.device.pictures import DevicePicture
from reid_tracker.device.transfer import PixelPool, Uploader
from reid_tracker.encode import preprocess
from reid_tracker.encode.preprocess import Cropping, cut_crops
from reid_tracker.types import Boxes, ImageBGR
from tests.encode.samples import picture, some_boxes

SIZE = (64, 32)
CROPPINGS = [Cropping(), Cropping(rounded=True), Cropping(scale=1.02, padding=10)]


def sampled(pool: PixelPool, boxes: Boxes, number: int, cropping: Cropping) -> torch.Tensor:
    numbers = torch.full((len(boxes),), number)
    return sample_crops(pool, torch.from_numpy(boxes), numbers, SIZE, cropping)


def cut(image: ImageBGR, boxes: Boxes, cropping: Cropping) -> np.ndarray:
    crops = np.empty((len(boxes), *SIZE, 3), np.uint8)
    cut_crops(image, boxes, crops, cropping)
    return crops[..., ::-1].astype(np.float32)  # RGB


@pytest.mark.parametrize("cropping", CROPPINGS)
def test_crops_are_those_of_cv2(cropping: Cropping) -> None:
    image, boxes = picture(), some_boxes(40)
    pool = Uploader(torch.device("cpu")).upload([image])
    difference = np.abs(sampled(pool, boxes, 0, cropping).numpy() - cut(image, boxes, cropping))
    assert difference.max() <= 1  # rounding
    assert difference.mean() < 0.05


def test_strongly_shrunk_and_enlarged_crops_are_those_of_cv2() -> None:
    image = np.random.default_rng(0).integers(0, 256, (900, 700, 3)).astype(np.uint8)
    boxes = np.array([[3, 5, 690, 890], [10, 20, 13, 24], [0, 0, 1, 1], [600, 100, 700, 900]])
    boxes = boxes.astype(np.float32)
    pool = Uploader(torch.device("cpu")).upload([image])
    difference = np.abs(sampled(pool, boxes, 0, Cropping()).numpy() - cut(image, boxes, Cropping()))
    assert difference.max() <= 1


def test_pictures_of_several_sizes_and_colour_orders_share_one_sampling() -> None:
    first, second = picture(240, 320), picture(120, 500, seed=1)
    rgb = DevicePicture.of(np.ascontiguousarray(second[..., ::-1]), "rgb")
    pool = Uploader(torch.device("cpu")).upload([first, rgb])
    boxes = some_boxes(10, height=120, width=320)
    numbers = torch.arange(10) % 2
    got = sample_crops(pool, torch.from_numpy(boxes), numbers, SIZE, Cropping())
    for row, image in enumerate([first, second] * 5):
        expected = cut(image, boxes[row : row + 1], Cropping())
        assert np.abs(got[row].numpy() - expected).max() <= 1


def test_boxes_outside_are_black() -> None:
    pool = Uploader(torch.device("cpu")).upload([np.full((50, 60, 3), 200, np.uint8)])
    boxes = np.array([[-30, 5, -1, 40], [60, 0, 90, 50], [5, 5, 5, 9], [50, 40, 90, 90]])
    crops = sampled(pool, boxes.astype(np.float32), 0, Cropping())
    assert not crops[:3].any()
    assert (crops[3] == 200).all()


@pytest.mark.parametrize("cropping", CROPPINGS)
def test_windows_are_those_of_the_encoder(cropping: Cropping) -> None:
    boxes = some_boxes(60)
    expected = preprocess.pixel_windows(cropping.widened(boxes), 320, 240, rounded=cropping.rounded)
    heights, widths = torch.full((60,), 240), torch.full((60,), 320)
    got = pixel_windows(torch.from_numpy(boxes), heights, widths, cropping)
    np.testing.assert_array_equal(got, expected)
