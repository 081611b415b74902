from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.device.pictures import DevicePicture
from reid_tracker.device.transfer import Downloader, SideStream, Uploader
from reid_tracker.errors import InputError
from reid_tracker.types import ImageBGR
from tests.device.fakes import Operators, fake_gpu

CPU = torch.device("cpu")


def picture(height: int, width: int, seed: int = 0) -> ImageBGR:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3))
    return pixels.astype(np.uint8)


def test_pictures_of_all_sizes_lie_one_after_the_other() -> None:
    first, second, third = picture(5, 7), picture(3, 4, 1), picture(5, 7, 2)
    on_device = DevicePicture.of(second.transpose(2, 0, 1).copy(), "rgb", "chw")
    pool = Uploader(CPU).upload([first, on_device, third])
    assert pool.sizes == ((5, 7), (3, 4), (5, 7))
    assert pool.rgb == (False, True, False)
    assert pool.starts == [0, 35, 47]
    assert pool.geometry().tolist() == [[0, 5, 7, 0], [35, 3, 4, 1], [47, 5, 7, 0]]
    for number, pixels in enumerate((first, second, third)):
        np.testing.assert_array_equal(pool.picture(number), pixels)


def test_a_batch_stays_while_the_next_is_brought() -> None:
    uploader = Uploader(CPU)
    images = [picture(4, 4, seed) for seed in range(4)]
    first = uploader.upload(images[:1])
    second = uploader.upload(images[1:3])
    np.testing.assert_array_equal(first.picture(0), images[0])
    uploader.upload(images[3:])
    np.testing.assert_array_equal(second.picture(1), images[2])


def test_any_array_is_taken() -> None:
    image = picture(5, 7)
    fixed = image.copy()
    fixed.flags.writeable = False
    pool = Uploader(CPU).upload([image[::-1, :, ::-1], fixed])
    np.testing.assert_array_equal(pool.picture(0), image[::-1, :, ::-1])
    np.testing.assert_array_equal(pool.picture(1), image)


def test_wrong_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="float64"):
        Uploader(CPU).upload([np.zeros((4, 4, 3))])  # type: ignore[list-item]


def test_numbers_come_back_and_stay_while_the_next_are_brought() -> None:
    downloader = Downloader(CPU)
    first = downloader.start(torch.arange(3.0))
    second = downloader.start(torch.arange(50.0))
    np.testing.assert_array_equal(first(), [0, 1, 2])
    np.testing.assert_array_equal(second(), np.arange(50))


def test_one_copy_brings_all_pictures_of_the_host() -> None:
    device = torch.device("cuda:1")
    with fake_gpu(), Operators() as seen:
        pool = Uploader(device).upload([picture(5, 7), picture(3, 4)])
    assert pool.device == device
    assert seen.to_device("cuda:1") == ["copy_"]
    assert not seen.to_host("cuda:1")


def test_pictures_of_the_device_do_not_pass_the_host() -> None:
    device = torch.device("cuda:1")
    with fake_gpu():
        there = DevicePicture(torch.empty(5, 7, 3, dtype=torch.uint8, device=device))
        uploader = Uploader(device)
        with Operators() as seen:
            uploader.upload([there, there])
    assert not seen.to_host("cuda:1")
    assert not seen.to_device("cuda:1")


def test_without_cuda_a_side_stream_does_nothing() -> None:
    stream = SideStream(CPU)
    with stream.use():
        assert stream.mark() is None
    stream.wait(stream.compute_mark())
    stream.keep(torch.zeros(1))
    stream.before_compute()
