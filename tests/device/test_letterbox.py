from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from reid_tracker.device.letterbox import GREY, fit, letterbox, to_picture

pytestmark = pytest.mark.slow

SIZES = [(576, 768), (1080, 1920), (480, 640), (100, 700), (720, 405), (640, 640), (37, 53)]


@pytest.mark.parametrize("side", [416, 640])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_the_letterbox_of_ultralytics(height: int, width: int, side: int) -> None:
    from ultralytics.data.augment import LetterBox

    cells = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    image = cv2.resize(cells.astype(np.uint8), (width, height))
    expected = LetterBox((side, side), auto=True, stride=32)(image=image)
    wanted = fit(height, width, side, 32)
    got = letterbox(torch.from_numpy(image)[None], wanted)[0]
    assert got.shape == (3, *expected.shape[:2])
    pixels = got.permute(1, 2, 0).flip(-1).numpy() * 255
    assert np.abs(pixels - expected).max() <= 1.01  # rounding
    assert np.abs(pixels - expected).mean() < 0.2


def test_rgb_pictures_give_the_same() -> None:
    image = torch.randint(0, 256, (1, 40, 60, 3), dtype=torch.uint8)
    wanted = fit(40, 60, 64, 32)
    torch.testing.assert_close(
        letterbox(image, wanted), letterbox(image.flip(-1), wanted, rgb=True)
    )


def test_the_padding_is_grey() -> None:
    wanted = fit(50, 64, 64, 32)
    planes = letterbox(torch.zeros(1, 50, 64, 3, dtype=torch.uint8), wanted)
    assert (wanted.top, wanted.bottom) == (7, 7)
    assert torch.all(planes[0, :, :7] == GREY / 255)
    assert torch.all(planes[0, :, 7:57] == 0)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_boxes_go_back_as_in_ultralytics(height: int, width: int) -> None:
    from ultralytics.utils.ops import scale_boxes

    wanted = fit(height, width, 640, 32)
    boxes = torch.tensor([[10.0, 20, 300, 400], [-5, -5, 5, 5], [0, 0, 640, 640]])
    size = (
        wanted.height + wanted.top + wanted.bottom,
        wanted.width + wanted.left + wanted.right,
    )
    expected = scale_boxes(size, boxes.clone(), (height, width))
    torch.testing.assert_close(to_picture(boxes, wanted, height, width), expected)
