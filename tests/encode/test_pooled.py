from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_tracker.encode.base import Crops
from reid_tracker.encode.pooled import PooledEncoder, unit_rows
from reid_tracker.errors import InputError
from tests.encode.samples import picture


class MeanColour:
    """A back end that gives the mean colour of a crop, and remembers the sizes of its runs."""

    input_size = (16, 8)
    embedding_size = 3

    def __init__(self) -> None:
        self.runs: list[int] = []

    def run(self, crops: Crops) -> npt.NDArray[np.float32]:
        self.runs.append(len(crops))
        return np.asarray(crops.mean(axis=(1, 2)), np.float32)


def test_crops_of_all_frames_share_chunks() -> None:
    network = MeanColour()
    box = np.array([[0, 0, 8, 16]], np.float32)
    boxes = [np.repeat(box, count, axis=0) for count in (3, 0, 5, 1)]
    PooledEncoder(network, batch_size=4).encode_batch([picture()] * 4, boxes)
    assert network.runs == [4, 4, 1]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 5), max_size=5), st.integers(1, 7))
def test_every_box_gets_its_own_colour(counts: list[int], batch_size: int) -> None:
    rng = np.random.default_rng(sum(counts))
    colours = [rng.integers(1, 256, (count, 3)).astype(np.uint8) for count in counts]
    # Every frame is a row of tiles, one for each box.
    images = [np.repeat(np.repeat(c[None], 16, 0), 8, 1) for c in colours]
    images = [image if image.size else picture() for image in images]
    boxes = [np.array([[8 * i, 0, 8 * i + 8, 16] for i in range(count)]) for count in counts]
    found = PooledEncoder(MeanColour(), batch_size).encode_batch(images, boxes)
    assert len(found) == len(counts)
    for rows, expected in zip(found, colours, strict=True):
        np.testing.assert_allclose(rows, unit_rows(expected.astype(np.float32)), atol=1e-6)


def test_rows_without_direction_become_unit_rows_far_from_all(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = np.abs(np.random.default_rng(0).normal(size=(5, 512))).astype(np.float32)
    rows[1] = 0
    rows[2, 7] = np.nan
    rows[3, 7] = np.inf
    with caplog.at_level(logging.WARNING):
        unit = unit_rows(rows)
    assert "3 of 5 embeddings have no direction" in caplog.text
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    assert unit.dtype == np.float32
    assert (unit[1:4] @ unit[[0, 4]].T < 0.2).all()


@given(st.lists(st.lists(st.floats(width=32), min_size=4, max_size=4), max_size=5))
def test_rows_are_always_unit(values: list[list[float]]) -> None:
    rows = np.array(values, np.float32).reshape(-1, 4)
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(unit_rows(rows), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-3)


def test_threads_that_share_an_encoder_get_their_own_rows() -> None:
    class Slow(MeanColour):
        """Reads its crops once another thread had time to write over them."""

        def run(self, crops: Crops) -> npt.NDArray[np.float32]:
            interfering.wait(0.05)
            return super().run(crops)

    interfering = threading.Event()
    encoder = PooledEncoder(Slow())
    box = np.array([[0, 0, 8, 16]], np.float32)
    colours = [(200, 10, 10), (10, 200, 10), (10, 10, 200)] * 2
    images = [np.full((16, 8, 3), colour, np.uint8) for colour in colours]
    with ThreadPoolExecutor(len(images)) as threads:
        found = list(threads.map(lambda image: encoder.encode(image, box)[0], images))
    for row, colour in zip(found, colours, strict=True):
        np.testing.assert_allclose(row, unit_rows(np.array([colour], np.float32))[0], atol=1e-6)


def test_crops_of_any_size_are_encoded_and_an_empty_one_is_a_row_of_zeros() -> None:
    encoder = PooledEncoder(MeanColour(), batch_size=2)
    colours = np.array([[10, 20, 200], [90, 5, 5], [3, 4, 0]], np.uint8)
    crops = [np.broadcast_to(colour, (9 + i, 4, 3)) for i, colour in enumerate(colours)]
    crops.insert(1, np.empty((0, 5, 3), np.uint8))
    rows = encoder.encode_crops(crops)
    assert rows[1].tolist() == [0, 0, 0]
    np.testing.assert_allclose(rows[[0, 2, 3]], unit_rows(colours.astype(np.float32)), atol=1e-6)
    assert encoder.encode_crops([]).shape == (0, 3)
    assert encoder.encode_crops(crops[1:2]).tolist() == [[0, 0, 0]]


def test_crops_may_be_rgb_and_tensors() -> None:
    encoder = PooledEncoder(MeanColour())
    crops = [picture(20, 10, seed) for seed in range(3)]
    expected = encoder.encode_crops(crops)
    swapped = [torch.from_numpy(crop[..., ::-1].copy()) for crop in crops]
    np.testing.assert_array_equal(encoder.encode_crops(swapped, color="rgb"), expected)
    np.testing.assert_array_equal(encoder.encode_crops(np.stack(crops)), expected)
    assert not np.allclose(encoder.encode_crops(swapped), expected, atol=0.1)


@pytest.mark.parametrize(
    ("crops", "color", "message"),
    [
        ([picture(8, 8)], "hsv", "color = 'hsv': expected bgr or rgb"),
        ("me.jpg", "bgr", "crops are a str: expected a list of pictures"),
        (3, "bgr", "crops are a int: expected a list"),
        ([picture(8, 8), picture(8, 8)[..., 0]], "bgr", r"crops\[1\]: image is uint8 of shape"),
        (["me.jpg"], "bgr", r"crops\[0\]: image is"),
        (picture(8, 8), "bgr", r"crops\[0\]: image is uint8 of shape \(8, 3\)"),
    ],
)
def test_wrong_crops_are_one_clear_error(crops: Any, color: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        PooledEncoder(MeanColour()).encode_crops(crops, color=color)
    assert "\n" not in str(caught.value)


def test_images_and_boxes_may_be_tensors() -> None:
    encoder, box = PooledEncoder(MeanColour()), np.array([[2, 3, 20, 30]], np.float32)
    expected = encoder.encode(picture(), box)
    image: Any = torch.from_numpy(picture())
    found: Any = torch.from_numpy(box)
    np.testing.assert_array_equal(encoder.encode(image, found), expected)


def test_tlwh_boxes_are_refused_with_the_way_out() -> None:
    tlwh = np.array([[200, 100, 40, 90]], np.float32)
    with pytest.raises(InputError, match=r"left, top, right, bottom .*tlwh_to_xyxy"):
        PooledEncoder(MeanColour()).encode(picture(), tlwh)
