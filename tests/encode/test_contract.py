"""What every encoder promises, checked on every back end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from reid_tracker import osnet
from reid_tracker.encode import Encoder, build_encoder
from reid_tracker.errors import InputError
from tests.encode.samples import SHARED_ONNX, picture, some_boxes, tiny_onnx

Make = Callable[..., Encoder]

BACK_ENDS = [
    "torch_untrained",
    pytest.param("torch_checkpoint", marks=pytest.mark.slow),
    "timm",
    "onnx",
    "onnx_runtime",
    "onnx_static",
    "openvino_half",
    pytest.param("onnx_shared", marks=[pytest.mark.shared, pytest.mark.slow]),
]


def model_for(back_end: str, folder: Path) -> str:
    if back_end == "torch_untrained":
        return "osnet_x0_25"
    if back_end == "torch_checkpoint":
        torch.manual_seed(1)
        path = folder / "net.pth.tar-5"
        state = osnet.osnet_ain_x0_25(num_classes=4).state_dict()
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 5}, path)
        return str(path)
    if back_end == "timm":
        pytest.importorskip("timm")
        return "timm:test_resnet?pretrained=0"
    if back_end in ("onnx", "onnx_runtime", "openvino_half"):
        return str(tiny_onnx(folder / "tiny.onnx"))
    if back_end == "onnx_static":
        return str(tiny_onnx(folder / "static.onnx", batch=4, size=(64, 32)))
    if not SHARED_ONNX.is_file():
        pytest.skip(f"needs {SHARED_ONNX}")
    return str(SHARED_ONNX)


@pytest.fixture(scope="module", params=BACK_ENDS)
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    model = model_for(request.param, tmp_path_factory.mktemp("encode"))
    options_of: dict[str, dict[str, Any]] = {
        "onnx_runtime": {"backend": "onnxruntime"},
        "onnx_static": {"backend": "onnxruntime"},
        "openvino_half": {"half": True},
    }
    fixed = options_of.get(request.param, {})
    return lambda **options: build_encoder(model, device="cpu", **fixed, **options)


@pytest.fixture(scope="module")
def encoder(make: Make) -> Encoder:
    return make()


def test_rows_have_unit_length(encoder: Encoder) -> None:
    embeddings = encoder.encode(picture(), some_boxes(7))
    assert embeddings.shape == (7, encoder.embedding_size)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("boxes", [np.empty((0, 4), np.float32), np.empty(0), []])
def test_no_boxes_give_no_rows(encoder: Encoder, boxes: Any) -> None:
    embeddings = encoder.encode(picture(), boxes)
    assert embeddings.shape == (0, encoder.embedding_size)
    assert embeddings.dtype == np.float32


def test_no_frames_give_no_arrays(encoder: Encoder) -> None:
    assert encoder.encode_batch([], []) == []


@pytest.mark.parametrize(
    "box",
    [
        (-50, -50, -10, -10),
        (320, 10, 400, 90),
        (10, 240, 30, 300),
        (1e30, 1e30, 2e30, 2e30),
        (40, 40, 40, 90),
    ],
)
def test_box_without_pixels_is_encoded_as_black(
    encoder: Encoder, box: tuple[float, float, float, float]
) -> None:
    boxes = np.array([box, (10, 10, 60, 120)], np.float32)
    black = encoder.encode(np.zeros((20, 10, 3), np.uint8), np.array([[0, 0, 10, 20]], np.float32))
    embeddings = encoder.encode(picture(), boxes)
    np.testing.assert_allclose(embeddings[0], black[0], atol=1e-5)
    assert not np.allclose(embeddings[1], black[0], atol=1e-3)


def test_chunks_do_not_change_rows(make: Make, encoder: Encoder) -> None:
    image, boxes = picture(), some_boxes(9)
    whole = encoder.encode(image, boxes)
    for batch_size in (1, 4):
        chunked = make(batch_size=batch_size).encode(image, boxes)
        np.testing.assert_allclose(chunked, whole, atol=1e-5)


def test_batch_of_frames_equals_frame_by_frame(make: Make) -> None:
    encoder = make(batch_size=4)
    images = [picture(seed=1), picture(100, 80, seed=2), picture(seed=3), picture(seed=4)]
    boxes = [some_boxes(5, 1), some_boxes(2, 2, 100, 80), some_boxes(0), some_boxes(3, 4)]
    together = encoder.encode_batch(images, boxes)
    assert [len(rows) for rows in together] == [5, 2, 0, 3]
    for image, rows, embeddings in zip(images, boxes, together, strict=True):
        np.testing.assert_allclose(embeddings, encoder.encode(image, rows), atol=1e-5)


def test_rows_follow_the_order_of_the_boxes(encoder: Encoder) -> None:
    boxes = some_boxes(5)
    forth, back = encoder.encode(picture(), boxes), encoder.encode(picture(), boxes[::-1])
    np.testing.assert_allclose(back[::-1], forth, atol=1e-5)


def test_results_are_not_overwritten_by_the_next_call(encoder: Encoder) -> None:
    first = encoder.encode(picture(seed=1), some_boxes(3))
    kept = first.copy()
    encoder.encode(picture(seed=2), some_boxes(3, 1))
    np.testing.assert_array_equal(first, kept)


def test_arguments_are_left_alone(encoder: Encoder) -> None:
    image, boxes = picture(), some_boxes(4)
    image_before, boxes_before = image.copy(), boxes.copy()
    encoder.encode(image, boxes)
    np.testing.assert_array_equal(image, image_before)
    np.testing.assert_array_equal(boxes, boxes_before)


def test_views_of_an_image_are_accepted(encoder: Encoder) -> None:
    mirrored = picture()[:, ::-1]
    expected = encoder.encode(np.ascontiguousarray(mirrored), some_boxes(3))
    np.testing.assert_allclose(encoder.encode(mirrored, some_boxes(3)), expected, atol=1e-6)


@pytest.mark.parametrize(
    "boxes",
    [
        np.ones(4, np.float32),
        np.ones((2, 5), np.float32),
        np.ones((1, 2, 4), np.float32),
        np.array([[0, 0, np.nan, 5]]),
        np.array([[0, 0, np.inf, 5]]),
        np.array([[0, 0, 1e300, 5]]),
        np.array([[60, 90, 40, 20]]),
        {"boxes": 1},
        [["a", "b", "c", "d"]],
        [[1, 2, 3, 4], [1, 2]],
        "boxes",
    ],
)
def test_wrong_boxes_are_refused(encoder: Encoder, boxes: Any) -> None:
    with pytest.raises(InputError, match="boxes") as caught:
        encoder.encode(picture(), boxes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "image",
    [
        None,
        "frame.jpg",
        picture().astype(np.float32),
        picture()[..., 0],
        np.zeros((10, 10, 4), np.uint8),
        np.zeros((0, 10, 3), np.uint8),
        picture()[None],
    ],
)
def test_wrong_images_are_refused(encoder: Encoder, image: Any) -> None:
    for boxes in (some_boxes(1), some_boxes(0)):
        with pytest.raises(InputError, match="image is"):
            encoder.encode(image, boxes)


def test_as_many_box_arrays_as_images(encoder: Encoder) -> None:
    with pytest.raises(InputError, match="2 images but 1"):
        encoder.encode_batch([picture(), picture()], [some_boxes(1)])
