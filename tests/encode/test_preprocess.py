from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.encode.preprocess import (
    IMAGENET,
    Cropping,
    Normalisation,
    cut_crops,
    normalise,
    pixel_windows,
)
from reid_tracker.types import Boxes
from tests.encode.samples import picture, some_boxes
from tests.oracles import preprocess as oracle

edges = st.one_of(
    st.floats(-400, 800, width=32), st.floats(-(2.0**99), 2.0**99, width=32), st.integers(-2, 70)
)
box_lists = st.lists(st.tuples(edges, edges, edges, edges), max_size=6)


def as_boxes(rows: list[tuple[float, ...]]) -> Boxes:
    return np.array(rows, np.float32).reshape(-1, 4)


def cut(image: np.ndarray, boxes: Boxes, height: int = 256, width: int = 128) -> np.ndarray:
    crops = np.full((len(boxes), height, width, 3), 77, np.uint8)
    cut_crops(image, boxes, crops)
    return crops


@given(box_lists, st.integers(1, 64), st.integers(1, 64))
def test_windows_equal_the_oracle_and_lie_inside(
    rows: list[tuple[float, ...]], width: int, height: int
) -> None:
    boxes = as_boxes(rows)
    windows = pixel_windows(boxes, width, height)
    expected = [oracle.window(box, width, height) for box in boxes]
    np.testing.assert_array_equal(windows, np.array(expected, np.int64).reshape(-1, 4))
    assert (windows[:, :2] >= 0).all()
    assert (windows[:, 2] <= width).all()
    assert (windows[:, 3] <= height).all()
    empty = (windows == 0).all(axis=1)
    assert (windows[~empty, 2:] > windows[~empty, :2]).all()


@settings(max_examples=30)
@given(box_lists)
def test_any_boxes_are_preprocessed_as_by_the_oracle(rows: list[tuple[float, ...]]) -> None:
    image, boxes = picture(48, 64), as_boxes(rows)
    images = normalise(cut(image, boxes, 32, 16))
    assert images.shape == (len(boxes), 3, 32, 16)
    for box, values in zip(boxes, images, strict=True):
        np.testing.assert_allclose(
            values, oracle.network_input(image, box, 32, 16), atol=2e-6, rtol=0
        )


def test_network_size_equals_the_oracle() -> None:
    image, boxes = picture(), some_boxes(12)
    expected = np.stack([oracle.network_input(image, box, 256, 128) for box in boxes])
    images = normalise(cut(image, boxes))
    assert images.dtype == np.float32
    assert images.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(images, expected, atol=2e-6, rtol=0)


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((10.9, 20.9, 30.9, 40.9), (10, 20, 30, 40)),  # truncated, not rounded
        ((10.2, 5, 10.8, 40), (10, 5, 11, 40)),  # at least one pixel
        ((-5.5, -0.5, 8, 9), (0, 0, 8, 9)),
        ((60, 40, 99, 99), (60, 40, 64, 48)),
        ((63.9, 47.9, 64.5, 48.5), (63, 47, 64, 48)),
        ((64, 0, 70, 48), (0, 0, 0, 0)),
        ((-9, 0, 0, 48), (0, 0, 0, 0)),
        ((7, 7, 7, 9), (0, 0, 0, 0)),
    ],
)
def test_rounding(box: tuple[float, ...], window: tuple[int, ...]) -> None:
    assert pixel_windows(as_boxes([box]), 64, 48).tolist() == [list(window)]


@pytest.mark.parametrize(
    ("box", "window"),
    [
        ((10.9, 20.4, 30.9, 40.4), (11, 20, 31, 40)),
        ((10.6, 5, 10.8, 40), (11, 5, 12, 40)),
        ((63.7, 47.7, 70, 50), (63, 47, 64, 48)),
        ((64, 0, 70, 48), (0, 0, 0, 0)),
    ],
)
def test_rounding_to_the_nearest(box: tuple[float, ...], window: tuple[int, ...]) -> None:
    assert pixel_windows(as_boxes([box]), 64, 48, rounded=True).tolist() == [list(window)]


def test_boxes_are_widened_as_by_ultralytics() -> None:
    boxes = as_boxes([(10, 20, 30, 60), (-5, 0, 5, 8)])
    wide = Cropping(scale=1.02, padding=10).widened(boxes)
    # ultralytics.utils.plotting.save_one_box: xywh with (w, h) * 1.02 + 10
    np.testing.assert_allclose(
        wide, [(4.8, 14.6, 35.2, 65.4), (-10.1, -5.08, 10.1, 13.08)], rtol=1e-6
    )
    assert Cropping().widened(boxes) is boxes


def test_rgb_frames_give_the_same_crops() -> None:
    image, boxes = picture(), some_boxes(5)
    crops = np.empty((5, 256, 128, 3), np.uint8)
    cut_crops(np.ascontiguousarray(image[..., ::-1]), boxes, crops, Cropping(rgb=True))
    np.testing.assert_array_equal(crops, cut(image, boxes))


def test_one_pixel_fills_the_crop() -> None:
    image = picture(20, 20)
    crops = cut(image, as_boxes([(3.1, 4.1, 3.2, 4.2)]))
    assert (crops == image[4, 3]).all()


def test_channels_and_normalisation_of_a_plain_colour() -> None:
    blue, green, red = 10, 100, 200
    crops = np.full((1, 4, 2, 3), (blue, green, red), np.uint8)
    values = normalise(crops)[0, :, 0, 0]
    expected = [(red / 255 - 0.485) / 0.229, (green / 255 - 0.456) / 0.224]
    expected.append((blue / 255 - 0.406) / 0.225)
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_other_normalisation() -> None:
    half = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    values = normalise(np.array([[[[0, 255, 51]]]], np.uint8), half)
    np.testing.assert_allclose(values[0, :, 0, 0], [-0.6, 1, -1], atol=1e-6)
    assert Normalisation() == IMAGENET
