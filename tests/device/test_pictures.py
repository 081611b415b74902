from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_tracker.device.pictures import DeviceFrame, DevicePicture, picture_of
from reid_tracker.errors import InputError
from reid_tracker.types import Frame

IMAGE = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype(np.uint8)


def test_a_picture_comes_in_and_goes_out_without_a_copy() -> None:
    tensor = torch.from_numpy(IMAGE.copy())
    picture = DevicePicture.of(tensor)
    again = np.from_dlpack(picture)
    tensor[1, 2] = 7
    assert (again[1, 2] == 7).all()
    assert picture.device == torch.device("cpu")


def test_it_takes_what_speaks_dlpack() -> None:
    class Other:
        def __init__(self) -> None:
            self.tensor = torch.from_numpy(IMAGE.copy())

        def __dlpack__(self, **options: object) -> object:
            return self.tensor.__dlpack__()

        def __dlpack_device__(self) -> object:
            return self.tensor.__dlpack_device__()

    np.testing.assert_array_equal(DevicePicture.of(Other()).to_bgr(), IMAGE)
    fixed = IMAGE.copy()
    fixed.flags.writeable = False
    np.testing.assert_array_equal(DevicePicture.of(fixed).to_bgr(), IMAGE)


def test_colours_and_layout_are_the_projects_on_the_host() -> None:
    planes = np.ascontiguousarray(IMAGE[..., ::-1].transpose(2, 0, 1))
    picture = DevicePicture.of(planes, "rgb", "chw")
    np.testing.assert_array_equal(picture.to_bgr(), IMAGE)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((4, 6), np.uint8), r"uint8 of shape \(4, 6\), expected uint8 \(H, W, 3\)"),
        (np.zeros((4, 6, 3), np.float32), "float32"),
        (np.zeros((0, 6, 3), np.uint8), "expected a pixel at least"),
        ("frame.png", "picture is a str, expected a tensor or an array"),
    ],
)
def test_it_refuses_what_is_no_picture(pixels: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        DevicePicture.of(pixels)


def test_a_frame_copies_its_image_to_the_host_only_once() -> None:
    picture = DevicePicture.of(IMAGE[..., ::-1].copy(), "rgb")
    frame = DeviceFrame(picture, 3, 0.12)
    assert isinstance(frame, Frame)
    assert picture_of(frame) is picture
    assert (frame.index, frame.timestamp_s, frame.captured_s) == (3, 0.12, None)
    np.testing.assert_array_equal(frame.image, IMAGE)
    assert frame.image is frame.image


def test_frames_of_the_host_stay_there() -> None:
    assert picture_of(Frame(IMAGE, 0, 0.0)) is IMAGE
